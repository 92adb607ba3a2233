-- One row per call that has ended, in the order in which they ended.
CREATE TABLE records (
  seq INTEGER PRIMARY KEY,        -- order of writing
  id TEXT NOT NULL,               -- the call's id
  started INTEGER NOT NULL,       -- when the INVITE came, ms since 1970 (UTC)
  caller TEXT NOT NULL,
  called TEXT NOT NULL,
  from_trunk TEXT NOT NULL,
  to_trunk TEXT,                  -- the trunk that answered or was tried last
  tried TEXT,                     -- trunks tried before it, each between newlines
  cause TEXT NOT NULL,            -- one word
  sip INTEGER NOT NULL,           -- final SIP status that the caller got
  record TEXT NOT NULL            -- the whole record, JSON
) STRICT;
CREATE UNIQUE INDEX records_id ON records (id);

-- Calls that were answered and may still be up; slots are used again. A row counts only while records has no such id.
CREATE TABLE journal (
  slot INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  record TEXT NOT NULL,           -- the record so far, JSON
  dialogs BLOB NOT NULL           -- what it takes to end or resume the call
) STRICT;

-- Stretches of records whose numbers are indexed. Records after the last stretch are few, and are scanned.
CREATE TABLE stretches (
  stretch INTEGER PRIMARY KEY,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  min_started INTEGER NOT NULL,
  max_started INTEGER NOT NULL
) STRICT;

-- Calling and called numbers of the records in a stretch. Written sorted and a stretch at a time: an index on records would
-- change two random pages for every call, which costs more than everything else together.
CREATE TABLE numbers (
  stretch INTEGER NOT NULL,
  number TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (stretch, number, seq)
) STRICT, WITHOUT ROWID;
