// Package problem is the list of everything that the HTTP API can say went
// wrong: RFC 9457 problem documents, each with a type that stays the same.
//
// A client decides by the type, never by the words. The package decides
// nothing about when a problem arises.
//
//	return nil, problem.NotFound.Because("there is nothing at %s", path)
package problem

import "net/http"

// Type is one kind of problem.
type Type struct {
	// URI identifies it for good. It is a name, not an address.
	URI    string
	Status int
	// Title is the same for every occurrence.
	Title string
	// Meaning is for the documentation: when it arises and what to do.
	Meaning string
}

const prefix = "urn:assay:problem:"

// The problems of the API.
var (
	BadQuery = Type{prefix + "bad-query", http.StatusUnprocessableEntity, "The query is not valid",
		"A query parameter is unknown, empty, given too often, or has a value that can't be used. `errors` names each of them."}
	NothingPermitted = Type{prefix + "nothing-permitted", http.StatusForbidden, "The cluster permits reading nothing of this",
		"The credentials that the server uses may not read any of what the scan asked for. `errors` lists what was refused; `assay scan --plan` prints the permissions that are needed."}
	ClusterUnreachable = Type{prefix + "cluster-unreachable", http.StatusBadGateway, "The cluster can't be reached",
		"The cluster's API server did not answer, or stopped answering in the middle."}
	CredentialsRejected = Type{prefix + "credentials-rejected", http.StatusBadGateway, "The cluster rejects the server's credentials",
		"The API server does not accept who Assay says it is: the credentials have expired or belong to another cluster."}
	ScanFailed = Type{prefix + "scan-failed", http.StatusBadGateway, "The scan broke off",
		"The scan could not go on for a reason that is neither a missing permission nor the connection."}
	TooManyScans = Type{prefix + "too-many-scans", http.StatusTooManyRequests, "Too many scans at once",
		"As many different scans run as the server allows. `Retry-After` says when to ask again."}
	ResultTooLarge = Type{prefix + "result-too-large", http.StatusInsufficientStorage, "The result is too large",
		"The result is larger than what the server keeps in memory. Ask for fewer namespaces, or with a selector or a minimum severity."}
	CursorExpired = Type{prefix + "cursor-expired", http.StatusGone, "The cursor has expired",
		"The result that the cursor points into is no longer kept. Start again without a cursor."}
	Unauthenticated = Type{prefix + "unauthenticated", http.StatusUnauthorized, "A valid token is needed",
		"Send the header `Authorization: Bearer …` with the token that the server was started with."}
	AuthenticationUnavailable = Type{prefix + "authentication-unavailable", http.StatusServiceUnavailable, "Tokens can't be checked now",
		"The server can't read its token file, so it lets nobody in. Its log says why."}
	WrongHost = Type{prefix + "wrong-host", http.StatusMisdirectedRequest, "This server does not go by that name",
		"The `Host` header names another host. Without authentication only localhost is answered, so that no web page can reach the server under a name of its own."}
	CrossSite = Type{prefix + "cross-site", http.StatusForbidden, "Web pages of other sites are not answered",
		"A browser sent the request for a page of another site. Without authentication such requests are refused."}
	NotFound = Type{prefix + "not-found", http.StatusNotFound, "There is nothing at this path",
		"See `/openapi.json` or `/docs` for what there is."}
	MethodNotAllowed = Type{prefix + "method-not-allowed", http.StatusMethodNotAllowed, "This path does not know this method",
		"The header `Allow` lists the methods that it knows."}
	NotAcceptable = Type{prefix + "not-acceptable", http.StatusNotAcceptable, "No acceptable format",
		"The `Accept` header allows none of the formats that there are."}
	BodyNotExpected = Type{prefix + "body-not-expected", http.StatusRequestEntityTooLarge, "The request must have no body",
		"All requests of this API are without a body."}
	NotReady = Type{prefix + "not-ready", http.StatusServiceUnavailable, "Not ready",
		"The cluster's API server does not answer at the moment."}
	ShuttingDown = Type{prefix + "shutting-down", http.StatusServiceUnavailable, "The server is shutting down",
		"The scan was stopped because the server ends."}
	Internal = Type{prefix + "internal", http.StatusInternalServerError, "A fault in Assay",
		"This should not happen. The server's log has the details under the same request ID; please report it."}
)

// All returns every type, in the order of the documentation.
func All() []Type {
	return []Type{
		BadQuery, NothingPermitted, ClusterUnreachable, CredentialsRejected, ScanFailed, TooManyScans,
		ResultTooLarge, CursorExpired, Unauthenticated, AuthenticationUnavailable, WrongHost, CrossSite,
		NotFound, MethodNotAllowed, NotAcceptable, BodyNotExpected, NotReady, ShuttingDown, Internal,
	}
}

// ofStatus is the type of a problem of which only the status is known.
func ofStatus(status int) Type {
	switch status {
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		return BadQuery
	case http.StatusNotFound:
		return NotFound
	case http.StatusMethodNotAllowed:
		return MethodNotAllowed
	case http.StatusNotAcceptable:
		return NotAcceptable
	case http.StatusRequestEntityTooLarge:
		return BodyNotExpected
	default:
		return Internal
	}
}
