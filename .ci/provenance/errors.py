"""How the errors of real crates are written: what is literal text and what is a value.

A pattern is the format string of an `impl Display`; a hole is `{type}`. What a crate formats into a
`String` beforehand (or gets from the operating system, a C library or a server) is one value, `str`,
however much of it looks like text: there is no literal in it any more. Taken from the sources of the
crates; `app_…` are as `thiserror` writes them.

Types: `int`, `x8` (`{:#010x}`), `str` (a `String`), `name` (a unit variant, or what a `match` says),
`dur`, `time`, `char`, `os` (`io::Error` from a code), `json` (`serde_json::Error`), `maddr` (a
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
    "s3_slowdown": "Generic {name} error: Error performing {name} {str} in {dur}, after {int} retries, "
    "max_retries: {int}, retry_timeout: {dur} - Server returned non-2xx status code: "
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

# What `{:?}` says where it is not a derived `Debug`.
DEBUG = {
    "ctx_connect": "failed to connect to upstream Caused by: {os}",
    "kafka_timeout": "KafkaError (Message production error: {name} ({str}))",
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
