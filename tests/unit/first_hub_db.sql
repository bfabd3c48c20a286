BEGIN TRANSACTION;
CREATE TABLE accounts (
	username VARCHAR NOT NULL, 
	password_hash VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	created_us INTEGER NOT NULL, 
	PRIMARY KEY (username)
);
INSERT INTO "accounts" VALUES('admin','$argon2id$v=19$m=8,t=1,p=1$Ms6N6PIVvKxBcseaJnYq2w$Uah3w9naesO+i2OWBbJZ0Q8MNI/EDTQvUHnezJdMSAM','admin',1767225600000000);
CREATE TABLE ledger_chunks (
	entry_id INTEGER NOT NULL, 
	stream VARCHAR NOT NULL, 
	reel_id INTEGER NOT NULL, 
	"offset" INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	first_us INTEGER NOT NULL, 
	end_us INTEGER NOT NULL, 
	device_us INTEGER, 
	tracks VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	PRIMARY KEY (entry_id)
);
CREATE TABLE ledger_entries (
	id INTEGER NOT NULL, 
	stream VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	type VARCHAR NOT NULL, 
	leaf BLOB NOT NULL, 
	t_hub_us INTEGER NOT NULL, 
	file_id INTEGER NOT NULL, 
	"offset" INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (stream, seq)
);
CREATE TABLE ledger_files (
	id INTEGER NOT NULL, 
	path VARCHAR NOT NULL, 
	size INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (path)
);
CREATE TABLE ledger_heads (
	stream VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	leaf BLOB NOT NULL, 
	epoch INTEGER NOT NULL, 
	t_hub_us INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	run_open BOOLEAN NOT NULL, 
	recorded_until_us INTEGER, 
	interruption_id VARCHAR, 
	span_id INTEGER, 
	PRIMARY KEY (stream)
);
CREATE TABLE ledger_interruptions (
	id VARCHAR NOT NULL, 
	stream VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	started_us INTEGER NOT NULL, 
	ended_us INTEGER, 
	body VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	leaf BLOB NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE ledger_logs (
	id INTEGER NOT NULL, 
	origin VARCHAR NOT NULL, 
	first_entry INTEGER NOT NULL, 
	signed_size INTEGER NOT NULL, 
	signed_peaks BLOB NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (origin)
);
CREATE TABLE ledger_reels (
	id INTEGER NOT NULL, 
	stream VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	run INTEGER NOT NULL, 
	init_size INTEGER NOT NULL, 
	init_sha256 VARCHAR NOT NULL, 
	size INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (path)
);
CREATE TABLE ledger_spans (
	id INTEGER NOT NULL, 
	stream VARCHAR NOT NULL, 
	from_us INTEGER NOT NULL, 
	to_us INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE ledger_unflushed (
	entry_id INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (entry_id)
);
CREATE TABLE sessions (
	token_sha256 VARCHAR NOT NULL, 
	username VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	created_us INTEGER NOT NULL, 
	expires_us INTEGER NOT NULL, 
	PRIMARY KEY (token_sha256)
);
INSERT INTO "sessions" VALUES('ba5d92b11d8d81b1e55e1fafb7dc66945baad93ee006db4072a0aa92208c6b92','admin','admin',1767225600000000,1767484800000000);
CREATE TABLE streams (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	url VARCHAR NOT NULL, 
	transport VARCHAR NOT NULL, 
	token_sha256 VARCHAR NOT NULL, 
	created_us INTEGER NOT NULL, 
	retired BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "streams" VALUES('window-01','1号窗口','window','rtsp','rtsp://10.0.0.9/1','tcp','',1767225600000000,0);
INSERT INTO "streams" VALUES('rec-1','王警官','recorder','whip','','','58fc29ed63c1099bc724794f29cef97b9341fe1833b951e47dea829f650c79c8',1767225600000000,1);
CREATE INDEX ledger_reels_by_stream ON ledger_reels (stream);
CREATE INDEX ledger_chunks_by_time ON ledger_chunks (stream, first_us);
CREATE INDEX ledger_chunks_by_reel ON ledger_chunks (reel_id);
CREATE INDEX ledger_spans_by_time ON ledger_spans (stream, from_us);
CREATE INDEX ledger_interruptions_by_time ON ledger_interruptions (started_us, id);
CREATE INDEX ledger_interruptions_by_state ON ledger_interruptions (state, started_us, id);
CREATE INDEX ledger_interruptions_by_stream ON ledger_interruptions (stream, started_us, id);
COMMIT;
