"""Every table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r202611212011"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("username", sa.String(collation="C"), nullable=False),
        sa.Column("password_hash", sa.String(collation="C"), nullable=False),
        sa.Column("role", sa.String(collation="C"), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("full_name", sa.String(collation="C"), server_default="", nullable=False),
        sa.Column("certificate", sa.String(collation="C"), server_default="", nullable=False),
        sa.Column("assistant", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("unit", sa.String(collation="C"), server_default="root", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("one_time", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("username"),
    )
    op.create_index(
        "accounts_certificate", "accounts", ["certificate"], unique=True, postgresql_where=sa.text("certificate <> ''")
    )
    op.create_table(
        "activities",
        sa.Column("row", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("began_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.Column("words", sa.String(collation="C"), nullable=False),
        sa.Column("findings", sa.String(collation="C"), nullable=False),
        sa.Column("storage", sa.String(collation="C"), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("told_until_us", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("activities_by_stream", "activities", ["stream", "began_us"], unique=False)
    op.create_index(
        "activities_by_words",
        "activities",
        [sa.literal_column("array_to_tsvector(string_to_array(words, ' '))")],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_index(
        "activities_unsettled", "activities", ["row"], unique=False, postgresql_where=sa.text("settled = 0")
    )
    op.create_table(
        "activity_cursor",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "activity_entries",
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("activity", sa.String(collation="C"), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("stream", "seq"),
    )
    op.create_index("activity_entries_by_activity", "activity_entries", ["activity", "seq"], unique=False)
    op.create_table(
        "activity_names",
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("key", sa.String(collation="C"), nullable=False),
        sa.Column("plain", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("kind", "key", "plain"),
    )
    op.create_table(
        "alarms",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("cause", sa.String(collation="C"), nullable=False),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.Column("unit", sa.String(collation="C"), nullable=False),
        sa.Column("raised_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("alarms_cause", "alarms", ["cause", "raised_us"], unique=False)
    op.create_index("alarms_raised", "alarms", ["raised_us"], unique=False)
    op.create_index("alarms_state", "alarms", ["state"], unique=False)
    op.create_table(
        "content_normals",
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("normal", sa.String(collation="C"), nullable=False),
        sa.Column("gates_us", sa.String(collation="C"), server_default="", nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "duty_days",
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("had_us", sa.BigInteger(), nullable=False),
        sa.Column("backfilled_us", sa.BigInteger(), nullable=False),
        sa.Column("usable_us", sa.BigInteger(), nullable=False),
        sa.Column("year_missing", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "from_us"),
    )
    op.create_table(
        "duty_findings",
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("day", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "day", "kind"),
    )
    op.create_index("duty_findings_by_day", "duty_findings", ["day"], unique=False)
    op.create_table(
        "exports",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("notes", sa.String(collation="C"), nullable=False),
        sa.Column("reason", sa.String(collation="C"), nullable=False),
        sa.Column("recipient", sa.String(collation="C"), nullable=False),
        sa.Column("split_bytes", sa.BigInteger(), nullable=True),
        sa.Column("movie", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.Column("requested_by", sa.String(collation="C"), nullable=False),
        sa.Column("requested_us", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(collation="C"), nullable=False),
        sa.Column("decided_us", sa.BigInteger(), nullable=True),
        sa.Column("finished_us", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.String(collation="C"), nullable=False),
        sa.Column("files", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("exports_by_state", "exports", ["state"], unique=False)
    op.create_table(
        "footage_files",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(collation="C"), nullable=False),
        sa.Column("claimed_us", sa.BigInteger(), nullable=True),
        sa.Column("clock_us", sa.BigInteger(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("touched_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.Column("code", sa.String(collation="C"), nullable=False),
        sa.Column("message", sa.String(collation="C"), nullable=False),
        sa.Column("sha256", sa.String(collation="C"), nullable=False),
        sa.Column("result", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("footage_files_by_digest", "footage_files", ["sha256", "stream"], unique=False)
    op.create_index("footage_files_by_state", "footage_files", ["state"], unique=False)
    op.create_index("footage_files_by_stream", "footage_files", ["stream", "created_us"], unique=False)
    op.create_table(
        "ledger_access",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(collation="C"), nullable=False),
        sa.Column("what", sa.String(collation="C"), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("ledger_access_by_person", "ledger_access", ["by", "entry_id"], unique=False)
    op.create_index("ledger_access_by_stream", "ledger_access", ["stream", "entry_id"], unique=False)
    op.create_index("ledger_access_by_time", "ledger_access", ["t_hub_us"], unique=False)
    op.create_table(
        "ledger_calendars",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_table(
        "ledger_chunks",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("reel_id", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(collation="C"), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=False),
        sa.Column("device_us", sa.BigInteger(), nullable=True),
        sa.Column("tracks", sa.String(collation="C"), nullable=False),
        sa.Column("reason", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("ledger_chunks_by_reel", "ledger_chunks", ["reel_id"], unique=False)
    op.create_index("ledger_chunks_by_time", "ledger_chunks", ["stream", "first_us"], unique=False)
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(collation="C"), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stream", "seq"),
    )
    op.create_table(
        "ledger_files",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.String(collation="C"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_table(
        "ledger_gone_reels",
        sa.Column("reel", sa.String(collation="C"), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("tombstone", sa.LargeBinary(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("reel"),
    )
    op.create_index("ledger_gone_reels_by_state", "ledger_gone_reels", ["state"], unique=False)
    op.create_index("ledger_gone_reels_by_time", "ledger_gone_reels", ["stream", "first_us"], unique=False)
    op.create_table(
        "ledger_heads",
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("run_open", sa.Boolean(), nullable=False),
        sa.Column("recorded_until_us", sa.BigInteger(), nullable=True),
        sa.Column("interruption_id", sa.String(collation="C"), nullable=True),
        sa.Column("span_id", sa.BigInteger(), nullable=True),
        sa.Column("upload_runs", sa.String(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "ledger_holds",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_table(
        "ledger_inspections",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_table(
        "ledger_interruptions",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.Column("type", sa.String(collation="C"), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ledger_interruptions_by_state", "ledger_interruptions", ["state", "started_us", "id"], unique=False
    )
    op.create_index(
        "ledger_interruptions_by_stream", "ledger_interruptions", ["stream", "started_us", "id"], unique=False
    )
    op.create_index("ledger_interruptions_by_time", "ledger_interruptions", ["started_us", "id"], unique=False)
    op.create_table(
        "ledger_labels",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("ledger_labels_by_stream", "ledger_labels", ["stream", "entry_id"], unique=False)
    op.create_table(
        "ledger_logs",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(collation="C"), nullable=False),
        sa.Column("first_entry", sa.BigInteger(), nullable=False),
        sa.Column("signed_size", sa.BigInteger(), nullable=False),
        sa.Column("signed_peaks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("origin"),
    )
    op.create_table(
        "ledger_reels",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("path", sa.String(collation="C"), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("init_size", sa.BigInteger(), nullable=False),
        sa.Column("init_sha256", sa.String(collation="C"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_index("ledger_reels_by_stream", "ledger_reels", ["stream"], unique=False)
    op.create_table(
        "ledger_spans",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ledger_spans_by_time", "ledger_spans", ["stream", "from_us"], unique=False)
    op.create_table(
        "ledger_telemetry",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("ident", sa.String(collation="C"), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("ledger_telemetry_by_ident", "ledger_telemetry", ["stream", "ident"], unique=False)
    op.create_index("ledger_telemetry_by_kind", "ledger_telemetry", ["kind", "entry_id"], unique=False)
    op.create_table(
        "ledger_told",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("type", sa.String(collation="C"), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("interruption", sa.String(collation="C"), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("ledger_told_by_interruption", "ledger_told", ["interruption", "entry_id"], unique=False)
    op.create_index("ledger_told_by_stream", "ledger_told", ["stream", "entry_id"], unique=False)
    op.create_table(
        "ledger_tombstones",
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("leaf"),
    )
    op.create_table(
        "ledger_unflushed",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_table(
        "looks",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("by", sa.String(collation="C"), nullable=False),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.Column("asked_us", sa.BigInteger(), nullable=False),
        sa.Column("look", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("looks_by_person", "looks", ["by", "asked_us", "id"], unique=False)
    op.create_index("looks_by_state", "looks", ["state", "asked_us", "id"], unique=False)
    op.create_index("looks_by_time", "looks", ["asked_us", "id"], unique=False)
    op.create_table(
        "maintenance",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("window", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "notice_channels",
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("url", sa.String(collation="C"), nullable=False),
        sa.Column("unit", sa.String(collation="C"), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(collation="C"), nullable=False),
        sa.Column("alarm", sa.String(collation="C"), nullable=False),
        sa.Column("unit", sa.String(collation="C"), nullable=False),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(collation="C"), nullable=False),
        sa.Column("title", sa.String(collation="C"), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.String(collation="C"), nullable=False),
        sa.Column("done_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notices_alarm", "notices", ["alarm"], unique=False)
    op.create_index("notices_at", "notices", ["at_us"], unique=False)
    op.create_index("notices_state", "notices", ["state"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(collation="C"), nullable=False),
        sa.Column("username", sa.String(collation="C"), nullable=False),
        sa.Column("role", sa.String(collation="C"), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(collation="C"), server_default="", nullable=False),
        sa.Column("method", sa.String(collation="C"), server_default="password", nullable=False),
        sa.PrimaryKeyConstraint("token_sha256"),
    )
    op.create_table(
        "shifts",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("unit", sa.String(collation="C"), nullable=False),
        sa.Column("username", sa.String(collation="C"), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("from_whom", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("shifts_ended", "shifts", ["ended_us"], unique=False)
    op.create_table(
        "streams",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("source", sa.String(collation="C"), nullable=False),
        sa.Column("url", sa.String(collation="C"), nullable=False),
        sa.Column("transport", sa.String(collation="C"), nullable=False),
        sa.Column("token_sha256", sa.String(collation="C"), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("unit", sa.String(collation="C"), server_default="", nullable=False),
        sa.Column("device_number", sa.String(collation="C"), server_default="", nullable=False),
        sa.Column("custodian", sa.String(collation="C"), server_default="", nullable=False),
        sa.Column("capabilities", sa.String(collation="C"), server_default="", nullable=False),
        sa.Column("managed_by_others", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("preview_url", sa.String(collation="C"), server_default="", nullable=False),
        sa.Column("preview_transport", sa.String(collation="C"), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "telemetry_now",
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "telemetry_track",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("lat_e7", sa.BigInteger(), nullable=False),
        sa.Column("lon_e7", sa.BigInteger(), nullable=False),
        sa.Column("accuracy_dm", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("telemetry_track_by_age", "telemetry_track", ["at_us"], unique=False)
    op.create_index("telemetry_track_by_time", "telemetry_track", ["stream", "at_us"], unique=False)
    op.create_table(
        "units",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("parent", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("rules", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "wall_layouts",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("layout", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "walls",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("wall", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
