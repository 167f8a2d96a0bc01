"""How the errors of real crates are written: what is literal text and what is a value.

A pattern is the format string of an `impl Display`; a hole is `{type}`. What a crate formats into
a `String` beforehand (or gets from the operating system, a C library or a server) is one value,
`str`, however much of it looks like text: there is no literal in it any more. Written down from
what is known of these crates, not checked against each one's source; `app_…` are as `thiserror`
writes them. `os`, `json`, `utf8`, `fill`, `kind`, `custom`, `overflow` and `send` are the real
errors of std and `serde_json`.

Types: `int`, `x8` (`{:#010x}`), `str` (a `String`), `name` (a unit variant, or what a `match`
says), `dur`, `time`, `char`, `os` (`io::Error` from a code), `json` (`serde_json::Error`), `maddr` (a
libp2p `Multiaddr`), `tree` (what a derived `Debug` says).
"""

GAI = "{str}"  # std formats gai_strerror into a String
OS = "{os}"

DISPLAY = {
    "app_blockhash": "invalid block {str} at height {int}",
    "app_checksum": "checksum mismatch: expected {x8}, got {x8}",
    "app_lock": "lock held by {str} until {time}",
    "app_notfound": "user {int} not found",
    "app_quota": "quota exceeded: {int} > {int} bytes",
    "app_rate": "rate limit exceeded, retry after {dur}",
    "app_version": "version conflict: expected {int}, got {int}",
    # ArrowError::InvalidArgumentError(String).
    "arrow_mismatch": "Arrow error: Invalid argument error: {str}",
    "aws_dispatch": "dispatch failure: timeout: error trying to connect: "
    "HTTP connect timeout occurred after {dur}",
    "bincode": "io error: unexpected end of file",
    "ctx_connect": "failed to connect to upstream: {os}",
    "df_nofield": "Schema error: No field named {str}.",
    "dns_noname": GAI,
    "dns_tempfail": GAI,
    "h2_keepalive": "http2 error: keep-alive timed out",
    "h2_proto": "http2 error: stream error received: {name}",
    "hyper_connect": "error trying to connect: tcp connect error: {os}",
    "hyper_dns": "error trying to connect: dns error: " + GAI,
    "hyper_incomplete": "connection closed before message completed",
    "io_again": OS,
    "io_eio": OS,
    "io_etimedout": OS,
    "io_inuse": OS,
    "io_mfile": OS,
    "io_netunreach": OS,
    "io_nospc": OS,
    "io_notempty": OS,
    "io_perm": OS,
    "io_pipe": OS,
    "io_reset": OS,
    "io_rofs": OS,
    "io_eof": "{kind}",
    "io_fill": "{fill}",
    "io_timed_out": "{custom}",
    "join_cancel": "task {int} was cancelled",
    "json_eof": "{json}",
    "json_expected_value": "{json}",
    "json_invalid_type": "{json}",
    "json_missing_field": "{json}",
    "json_trailing": "{json}",
    "json_unknown_variant": "{json}",
    "jwt_expired": "{name}",
    # rd_kafka_err2str becomes a String.
    "kafka_timeout": "Message production error: {name} ({str})",
    "kafka_transport": "Meta data fetch error: {name} ({str})",
    "lagged": "channel lagged by {int}",
    "libp2p": "Failed to negotiate transport protocol(s): [({maddr}: : {os})]",
    "parse_range": "{overflow}",
    # What a database says is read from its socket.
    "pg_deadlock": "error returned from database: {str}",
    "pg_norel": "error returned from database: {str}",
    "recv_disc": "receiving on an empty and disconnected channel",
    "redis_moved": "An error was signalled by the server - {name}: {str}",
    "redis_ro": "An error was signalled by the server - {name}: {str}",
    "reqwest_connect": "error sending request for url ({str})",
    "reqwest_decode": "error decoding response body: {json}",
    # rocksdb::Error is a String.
    "rocks_corrupt": "{str}",
    "rocks_nospc": "{str}",
    "s3_slowdown": "Generic {name} error: Error performing {name} {str} in {dur}, "
    "after {int} retries, max_retries: {int}, retry_timeout: {dur} - Server returned non-2xx status code: "
    "{int} {name}: {str}",
    "sem_closed": "semaphore closed",
    "send_closed": "{send}",
    "shutdown": "shutting down",
    "sqlx_proto": "error communicating with database: {str}",
    "tls_corrupt": "received corrupt message of type {name}",
    "tls_eof": "{str}",  # an io::Error of a text is a String
    "tls_unknown_issuer": "invalid peer certificate: {name}",
    "tokio_elapsed": "deadline has elapsed",
    "tokio_pg_closed": "connection closed",
    "tokio_pg_slots": "db error: {str}: {str}",
    "tokio_pg_stmt": "db error: {str}: {str}",
    "tonic_deadline": "status: {name}, message: {tree}, details: {tree}, metadata: {tree}",
    "tonic_internal": "status: {name}, message: {tree}, details: {tree}, metadata: {tree}",
    "tonic_transport": "transport error",
    "url_base": "relative URL without a base",
    "utf8": "{utf8}",
    "uuid_char": "invalid character: found `{char}` at {int}",
}

# A second set of data, of other crates.
DISPLAY |= dict.fromkeys(
    "io_addrnotavail io_dquot io_eacces io_econnref io_eexist io_einval io_enoent io_enomem "
    "io_hostunreach io_interrupted".split(),
    OS,
) | dict.fromkeys("json_dup json_key json_unknown_field json_value".split(), "{json}")
DISPLAY |= {
    "addr_parse": "invalid socket address syntax",
    "app_epoch": "stale epoch {int}, current epoch is {int}",
    "app_leader": "has to forward request to: {tree}, {tree}",
    "app_limit": "Limit exceeded: {int} > {int} ({str} used)",
    "app_no_such": "table {tree} does not exist",
    "app_poison": "poisoned lock: another task failed inside",
    "app_state": "invalid state transition of region {int} from {name} to {name}",
    "arrow_cast": "Arrow error: Cast error: {str}",
    "aws_dispatch_io": "dispatch failure: io error: error trying to connect: dns error: " + GAI,
    "aws_nokey": "service error: NoSuchKey: {str}",
    "b64_byte": "Invalid symbol {int}, offset {int}.",
    "bincode_tag": "{str}",
    "broadcast_lag": "channel lagged by {int}",
    "chain_cfg": "could not start http listener: failed to load config {str}: "
    "invalid type: found string {tree}, expected {str} for key {tree}",
    "chain_sync": "sync of {str} failed: while fetching page {int}: unexpected end of stream",
    "chrono_parse": "input contains invalid characters",
    "df_table": "Error during planning: {str}",
    "diesel_fk": "{str}",
    "diesel_notfound": "Record not found",
    "elapsed": "deadline has elapsed",
    "evm_nonce": "nonce too low: next nonce {int}, tx nonce {int}",
    "evm_revert": "{str}",
    "fromutf8": "{utf8}",
    "h2_goaway": "connection error received: {name} ({tree})",
    "h2_refused": "stream error received: {name}",
    "hex_odd": "Odd number of digits",
    "hyper_bodywrite": "error writing a body to connection: {os}",
    "hyper_canceled": "operation was canceled: connection closed",
    "hyper_parse": "invalid HTTP version parsed",
    "io_custom_path": "failed to open file `{str}`: {os}",
    "io_invaliddata": "{str}",
    "join_panic": "task {int} panicked with message {tree}",
    "jwt_claim": "Missing required claim: {str}",
    "jwt_sig": "{name}",
    "kafka_meta": DISPLAY["kafka_transport"],
    "kafka_unknown_topic": "Message consumption error: {name} ({str}) [{str}]",
    "libp2p_dial": DISPLAY["libp2p"],
    "libp2p_wrongpeer": "Dial error: Unexpected peer ID {str} at {tree}.",
    "mmap_short": "Service internal error: {str}",
    "mpsc_send": "channel closed",
    "msg_text": "{str}",
    "mysql_gone": "MySqlError { ERROR {int} ({str}): {str} }",
    "nats_req": "request failed: no responders",
    "objstore_nf": "Object at location {str} not found: "
    "Client error with status {int} {name}: No Body",
    "oneshot_recv": "channel closed",
    "oom": "Resources exhausted: {str}",
    "opendal_rate": "{name} ({name}) at {name}, context: {str}",
    "openssl": "{str}",
    "parquet_eof": "Parquet error: EOF: {str}",
    "parse_float": "invalid float literal",
    "parse_int": "invalid digit found in string",
    "pg_auth": "db error: {str}: {str}",
    "prost_wire": "failed to decode Protobuf message: {name}.{name}: {str}",
    "redis_clusterdown": "An error was signalled by the server - {name}: {str}",
    "redis_conn": "{str}- {name}",
    "regex_parse": "{str}",
    "reqwest_builder": "builder error: relative URL without a base",
    "reqwest_send": "error sending request for url ({str})",
    "reqwest_status": "HTTP status client error ({int} {name}) for url ({str})",
    "reqwest_timeout": "error sending request for url ({str}): operation timed out",
    "rocks_checksum": "{str}",
    "rocks_lock": "{str}",
    "semver_parse": "unexpected character '{char}' while parsing {name} version number",
    "smtp": "permanent error ({int}): {str}",
    "sqlite_busy": "{str}: Error code {int}: {name}",
    "sqlx_pool": "pool timed out while waiting for an open connection",
    "sqlx_unique": "error returned from database: {str}",
    "state_root": "block hash mismatch: got {str}, expected {str}",
    "std_recv": "receiving on a closed channel",
    "substrate_client": "{tree}",
    "timeout_after": "timed out after {dur}",
    "tls_alert": "received fatal alert: {name}",
    "tls_expired": "invalid peer certificate: certificate expired: verification time {int} "
    "(UNIX), but certificate is not valid after {int} ({int} seconds ago)",
    "tls_name": "invalid peer certificate: certificate not valid for name {tree}; "
    "certificate is only valid for {str}",
    "tls_sni": "peer misbehaved: {name}",
    "toml_parse": "TOML parse error at line {int}, column {int} {str}",
    "try_full": "no available capacity",
    "url_port": "invalid port number",
    "utf8_at": "incomplete utf-8 byte sequence from index {int}",
    "wasm_fuel": "wasm trap: all fuel consumed by WebAssembly",
    "wasm_import": "component imports instance `{str}`, but a matching implementation was not "
    "found in the linker",
    "wasm_trap": "error while executing at wasm backtrace: {str}: wasm trap: {str}",
    "ws_close": "WebSocket protocol error: Connection reset without closing handshake",
    "yaml_missing": "{str}",
} | {
    f"tonic_{code}": "code: '{name}', message: {tree}"
    for code in "cancelled notfound resourceexhausted unauthenticated unavailable".split()
}

# What `{:?}` says where it is not a derived `Debug`.
DEBUG = {
    "ctx_connect": "failed to connect to upstream Caused by: {os}",
    # The white space is `anyhow`'s, as it was written down.
    "chain_cfg": "could not start http listener  Caused by:     {int}: failed to load config {str}"
    "     {int}: invalid type: found string {tree}, expected {str} for key {tree}",
    "chain_sync": "sync of {str} failed  Caused by:    {int}: while fetching page {int}"
    "    {int}: unexpected end of stream",
    "kafka_meta": "KafkaError (Metadata fetch error: {name} ({str}))",
    "kafka_timeout": "KafkaError (Message production error: {name} ({str}))",
    "kafka_unknown_topic": "KafkaError (Message consumption error: {name} ({str}) [{str}])",
    "kafka_transport": "KafkaError (Metadata fetch error: {name} ({str}))",
    "redis_moved": "{name}: {str}",
    "redis_ro": "{name}: {str}",
}

# Texts in the `Debug` of an error that are `&'static str` in their crate.
STATIC = {
    "unexpected end of file",
    "HTTP connect",
    "tcp connect error",
    "dns error",
    "S3",
}
