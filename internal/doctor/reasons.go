package doctor

import (
	"ackbox/internal/text"
	"ackbox/simulate"
)

// Delivery Failure Reasons besides those of package simulate. Two were published: that of a chain
// that cannot be verified ("SSL and Outbound Messaging", P. Connelly, 2016) and that of a
// certificate for another host ("The domain name … wasn't in the supported set of domain names",
// Stack Exchange). The others are the messages of Java's libraries.
const (
	reasonUnverified = "javax.net.ssl.SSLPeerUnverifiedException: "
	reasonPath       = reasonUnverified + "sun.security.validator.ValidatorException: PKIX path " +
		"building failed"
	reasonValidity = reasonUnverified + "sun.security.validator.ValidatorException: PKIX path " +
		"validation failed: java.security.cert.CertPathValidatorException: validity check failed"
	reasonHost = reasonUnverified + "The domain name %s wasn't in the supported set of domain names"

	reasonConnectTimeout = "java.net.SocketTimeoutException: connect timed out"
	reasonNoRoute        = "java.net.NoRouteToHostException: No route to host"
	reasonNotTLS         = "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message"
	reasonTerminated     = simulate.ReasonTLS + ": Remote host terminated the handshake"
	reasonProtocol       = simulate.ReasonTLS + ": Received fatal alert: protocol_version"
	reasonAlert          = simulate.ReasonTLS + ": Received fatal alert"
)

// maxForeign limits the text of listeners and certificates in a report, in characters. No host name
// is longer.
const maxForeign = 253

// printable returns the text of a listener or certificate with at most maxForeign printable
// characters.
func printable(s string) string {
	runes := []rune(text.Printable(s))
	if len(runes) > maxForeign {
		return string(runes[:maxForeign]) + "…"
	}
	return string(runes)
}
