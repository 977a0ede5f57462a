package doctor

import (
	"ackbox/internal/text"
	"ackbox/simulate"
)

// Salesforce's words, besides the reasons of package simulate. Published as a Delivery Failure Reason are those for a
// chain that cannot be verified ("SSL and Outbound Messaging", P. Connelly, 2016) and for another host's certificate
// ("The domain name … wasn't in the supported set of domain names", Stack Exchange); the others are Java's own.
const (
	wordsUnverified = "javax.net.ssl.SSLPeerUnverifiedException: "
	wordsPath       = wordsUnverified + "sun.security.validator.ValidatorException: PKIX path building failed"
	wordsValidity   = wordsUnverified + "sun.security.validator.ValidatorException: PKIX path validation failed: " +
		"java.security.cert.CertPathValidatorException: validity check failed"
	wordsHost = wordsUnverified + "The domain name %s wasn't in the supported set of domain names"

	wordsConnectTimeout = "java.net.SocketTimeoutException: connect timed out"
	wordsNoRoute        = "java.net.NoRouteToHostException: No route to host"
	wordsNotTLS         = "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message"
	wordsTerminated     = simulate.ReasonTLS + ": Remote host terminated the handshake"
	wordsProtocol       = simulate.ReasonTLS + ": Received fatal alert: protocol_version"
	wordsAlert          = simulate.ReasonTLS + ": Received fatal alert"
)

// maxForeign is the length of the longest host name, in characters.
const maxForeign = 253

// printable returns what the listener or its certificates say as printable text of limited length.
func printable(s string) string {
	runes := []rune(text.Printable(s))
	if len(runes) > maxForeign {
		return string(runes[:maxForeign]) + "…"
	}
	return string(runes)
}
