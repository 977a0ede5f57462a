package store

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/lib/pq"
)

// ignoredParameters are parameters of a PostgreSQL URL that only other clients know. Hosts put them
// into the URLs that they print.
var ignoredParameters = words(`
	channel_binding gssdelegation gssencmode gsslib keepalives keepalives_count keepalives_idle
	keepalives_interval load_balance requiressl require_auth requirepeer scram_client_key
	scram_server_key sslcertmode sslcompression sslcrl sslcrldir sslkeylogfile sslpassword
	tcp_user_timeout

	connection_limit max_connection_lifetime max_idle_connection_lifetime pgbouncer pool_timeout
	schema single_use_connections socket_timeout sslaccept sslidentity statement_cache_size

	ssl supa uselibpqcompat workaround

	default_query_exec_mode description_cache_capacity pool_health_check_period pool_max_conn_idle_time
	pool_max_conn_lifetime pool_max_conn_lifetime_jitter pool_max_conns pool_min_conns
	pool_min_idle_conns statement_cache_capacity

	adapter advisory_locks checkout_timeout conn_health_checks conn_max_age encoding idle_timeout pool
	prepared_statements reaping_frequency

	async_fallback command_timeout max_cached_statement_lifetime prepared_statement_cache_size

	ApplicationName connectTimeout currentSchema loginTimeout prepareThreshold
	preparedStatementCacheQueries reWriteBatchedInserts socketTimeout sslfactory stringtype
	targetServerType tcpKeepAlive`)

// knownParameters are those that lib/pq itself reads; any other would become a setting in the
// startup packet, which PgBouncer refuses.
var knownParameters = pqParameters()

func words(text string) map[string]bool {
	found := map[string]bool{}
	for _, word := range strings.Fields(text) {
		found[word] = true
	}
	return found
}

func pqParameters() map[string]bool {
	known := map[string]bool{"database": true} // an alias of dbname
	for config, i := reflect.TypeFor[pq.Config](), 0; i < config.NumField(); i++ {
		if name := config.Field(i).Tag.Get("postgres"); name != "" && name != "-" {
			known[name] = true
		}
	}
	return known
}

// dropParameters removes the parameters of other clients from a configuration and returns their
// names, sorted. A parameter that nobody knows is an error.
func dropParameters(config *pq.Config, given url.Values) (dropped []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case knownParameters[name]:
		case ignoredParameters[name]:
			delete(config.Runtime, name)
			dropped = append(dropped, name)
		default:
			return nil, fmt.Errorf("DATABASE_URL: the parameter %s is unknown; "+
				"a setting of the server is written as options=-c%%20NAME=VALUE", strconv.Quote(name))
		}
	}
	return dropped, nil
}
