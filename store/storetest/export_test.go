package storetest

var Unavailable = unavailable
