"""What an operator watches, as Prometheus metrics. Each says in its help when to worry."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# a second series for each, of which nobody asks
disable_created_metrics()  # type: ignore[no-untyped-call]

STREAMS = Gauge("hub_streams", "Registered streams by state; worry when interrupted stays above 0.", ["state"])
UNITS = Counter("hub_access_units_total", "Coded pictures and audio frames received.", ["stream"])
PACKETS_LOST = Counter("hub_rtp_packets_lost_total", "RTP packets given up as missing.", ["stream"])
PACKETS_ASKED_AGAIN = Counter(
    "hub_rtp_packets_asked_again_total",
    "RTP packets of WHIP publishers asked for again; a steep slope is a bad radio link.",
    ["stream"],
)
WHIP_SESSIONS = Gauge("hub_whip_sessions", "Open WHIP sessions, those without media included; worry near 500.")
RECONNECTS = Counter(
    "hub_source_attempts_total", "Attempts to reach a source; a steep slope is a flapping source.", ["stream"]
)
BAD_INPUT = Counter("hub_bad_input_total", "Attempts at sources that failed and input skipped, by reason.", ["code"])
BYTES_RECORDED = Counter(
    "hub_recorded_bytes_total", "Bytes of sealed chunks; worry when flat while streams are live.", ["stream"]
)
CHUNKS = Counter("hub_chunks_total", "Sealed chunks.", ["stream"])
DISK_QUEUE = Gauge("hub_disk_queue_bytes", "Bytes waiting for the disk; worry when it grows.")
FLUSH_SECONDS = Histogram(
    "hub_disk_flush_seconds", "Time of one group flush.", buckets=(0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
)
STORAGE_ERRORS = Counter("hub_storage_errors_total", "Writes or flushes that failed; worry at 1.")
STORAGE_LOW = Gauge("hub_storage_low", "1: room is short and no footage may go before its term ends; worry at 1.")
STORAGE_FULL = Gauge(
    "hub_storage_full_timestamp_seconds",
    "When the disk would be full at the last day's rate, if all that may go went; 0: unknown. Worry below a month.",
)
DELETED_BYTES = Counter("hub_retention_deleted_bytes_total", "Bytes of footage deleted at the end of its term.")
ARCHIVE_UP = Gauge("hub_archive_up", "1: the archive took what was given to it last; worry at 0.")
ARCHIVE_WAITING = Gauge("hub_archive_waiting_bytes", "Finished files on the disk alone that the archive did not take.")
ARCHIVED_BYTES = Counter("hub_archive_uploaded_bytes_total", "Bytes that were verified in the archive.")
ARCHIVE_FAILURES = Counter("hub_archive_failures_total", "Passes of the archive that failed; worry at a steep slope.")
ARCHIVE_DAYS_LEFT = Gauge(
    "hub_archive_disk_days_left",
    "Days until the disk is full at the last day's rate if nothing more is uploaded; -1: unknown. Worry below 3.",
)
STORAGE_DROPPED = Counter(
    "hub_storage_dropped_fragments_total", "Fragments that the disk did not take; worry at 1.", ["stream"]
)
ENTRIES = Counter("hub_ledger_entries_total", "Ledger entries written.", ["type"])
OUTBOX_BYTES = Gauge(
    "hub_outbox_bytes", "Facts of a cluster's node that PostgreSQL did not take yet; worry when it grows."
)
FACTS_DROPPED = Counter(
    "hub_facts_dropped_total",
    "What a node thought of streams that others had taken, by type: no fact; footage is never among it.",
    ["type"],
)
FACTS_RECOVERED = Counter(
    "hub_facts_recovered_total", "Chunks entered as recovered, since another node had taken the stream meanwhile."
)
COMMIT_SECONDS = Histogram(
    "hub_ledger_commit_seconds", "Time of one ledger transaction.", buckets=(0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
)
LOG_SIZE = Gauge("hub_log_size", "Leaves of the log in the newest checkpoint.")
CHECKPOINT_TIME = Gauge(
    "hub_checkpoint_timestamp_seconds",
    "When the newest checkpoint was signed; worry when older than three minutes, each minute has news.",
)
ANCHORED_SIZE = Gauge("hub_anchored_size", "Leaves of the log that this outside authority has anchored.", ["authority"])
UNANCHORED_SINCE = Gauge(
    "hub_unanchored_since_timestamp_seconds",
    "Since when this outside authority has anchored nothing new, 0: all is anchored; worry when older than an hour.",
    ["authority"],
)
ANCHOR_FAILURES = Counter("hub_anchor_failures_total", "Asks for an anchor that came to nothing.", ["authority"])
CHECKPOINT_FAILURES = Counter(
    "hub_checkpoint_failures_total", "Checkpoints that could not be signed when they were due; they are tried again."
)
INTERRUPTIONS = Counter("hub_interruptions_total", "Interruptions by kind and change of state.", ["kind", "state"])
UNRECORDED = Counter(
    "hub_interruptions_below_threshold_total", "Breaks too short to be recorded as interruptions, by kind.", ["kind"]
)
ALARMS = Gauge("hub_alarms", "Alarms that nobody acknowledged yet, by level; worry when it stays above 0.", ["level"])
NOTICES = Counter("hub_notices_total", "Notices by what became of them; worry when failed rises.", ["state"])
CONTENT_CHECKS = Counter("hub_content_checks_total", "Keyframes and sound frames looked at for what they show.")
CONTENT_DISTANCE = Gauge(
    "hub_content_distance_seconds", "How often a stream is looked at now; more than content_every_s: over the budget."
)
CONTENT_CPU = Counter("hub_content_cpu_seconds_total", "CPU seconds that looking at keyframes and sound took.")
CONTENT_SKIPPED = Counter(
    "hub_content_skipped_total",
    "Keyframes not looked at because a newer one came; at a steep slope raise content_budget.",
)
CONTENT_UNDECODABLE = Counter("hub_content_undecodable_total", "Keyframes and sound frames that no decoder took.")
PREVIEWS = Gauge(
    "hub_previews", "Sub-streams pulled because somebody watches them; worry when it stays at max_previews."
)
PREVIEW_BYTES = Counter("hub_preview_bytes_total", "Bytes of coded media received of sub-streams; none is kept.")
PREVIEW_FAILURES = Counter(
    "hub_preview_failures_total", "Sub-streams that failed or ended while somebody watched, by reason.", ["code"]
)
VIEWERS = Gauge("hub_viewers", "Open live tiles.")
VIEWER_DROPS = Counter("hub_viewer_dropped_fragments_total", "Fragments not sent to viewers that were too slow.")
LOOP_LAG = Histogram(
    "hub_event_loop_lag_seconds",
    "How late the event loop runs a timer; worry above 0.1.",
    buckets=(0.005, 0.02, 0.1, 0.5, 2.0),
)
HTTP_CALLS = Counter(
    "hub_http_calls_total",
    "Calls answered; worry at 5xx, and at a steep slope of 401 at /api/session: somebody guesses passwords.",
    ["method", "route", "status"],
)
TLS_EXPIRY = Gauge(
    "hub_tls_certificate_expiry_timestamp_seconds",
    "When the certificate ends that HTTPS is served with; worry a month before.",
    ["file"],
)

REDIS_AWAY_SINCE = Gauge(
    "hub_redis_away_since_timestamp_seconds", "Since when Redis does not answer, 0: it does; worry at a minute."
)
MEMBERS = Gauge("hub_cluster_members", "Nodes that live, as this node sees it; 0: it cannot tell.")
OWNED = Gauge("hub_cluster_streams_owned", "Streams that this node owns.")
TAKEN = Counter("hub_cluster_streams_taken_total", "Streams that this node took over; a steep slope: nodes flicker.")
GIVEN = Counter("hub_cluster_streams_given_total", "Streams that this node gave away or lost.")
LIVE_LINKS = Gauge("hub_live_links", "Nodes that this one brings live pictures from, because somebody watches.")
LIVE_WAITING = Gauge("hub_live_waiting_bytes", "Live pictures that wait for other nodes; what waits for long goes.")
BUS_WAITING = Gauge("hub_bus_waiting", "Messages of this node that wait for Redis; worry when it grows.")
BUS_DROPPED = Counter("hub_bus_dropped_total", "Changes that found no room while Redis was away; worry at 1.")
BUS_UNREADABLE = Counter("hub_bus_unreadable_total", "Messages of the bus that were skipped; worry at 1.", ["topic"])
BUS_FAILED = Counter("hub_bus_failed_total", "Messages whose handling failed and was given up; worry at 1.", ["topic"])
ORDERS_SEEN = Gauge(
    "hub_orders_seen_timestamp_seconds", "When the office's orders were last read; worry when older than a minute."
)

_BY_STREAM = (UNITS, PACKETS_LOST, PACKETS_ASKED_AGAIN, RECONNECTS, BYTES_RECORDED, CHUNKS, STORAGE_DROPPED)


def forget(stream_id: str) -> None:
    """The stream is retired: its series end, so that a hub that lives for years does not gather them."""
    for metric in _BY_STREAM:
        metric.remove(stream_id)
