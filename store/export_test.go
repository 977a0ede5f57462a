package store

// For tests, as their effect shows only where there is another machine.
var PostgresConfig = postgresConfig
