-- What applications have said of calls, up or over: the last word on each.
CREATE TABLE feedback (
  id TEXT PRIMARY KEY,            -- the call's id
  given INTEGER NOT NULL,         -- ms since 1970 (UTC)
  score INTEGER,                  -- 1 to 5
  issues TEXT NOT NULL,           -- words, a JSON list
  comment TEXT
) STRICT, WITHOUT ROWID;
