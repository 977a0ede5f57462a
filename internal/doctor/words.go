package doctor

import (
	"strings"
	"unicode"

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

// printable makes a text of somebody else's fit for a terminal: one line, not too long, nothing that commands it.
func printable(text string) string {
	const longest = 253 // of a host name
	clean := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text))
	if len(clean) > longest {
		return string(clean[:longest]) + "…"
	}
	return string(clean)
}
