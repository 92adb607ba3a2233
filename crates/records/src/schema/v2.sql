-- What a call has cost and brought in, for sums: billionths of the base currency's unit. NULL where nobody had a price.
ALTER TABLE records ADD COLUMN cost INTEGER;
ALTER TABLE records ADD COLUMN price INTEGER;

-- What customers have: their payments less the prices of their calls that have a final record. Billionths, as above.
CREATE TABLE credit (
  customer TEXT PRIMARY KEY,      -- trunk
  balance INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What customers have paid, in the order in which it was booked.
CREATE TABLE payments (
  seq INTEGER PRIMARY KEY,
  customer TEXT NOT NULL,
  booked INTEGER NOT NULL,        -- ms since 1970 (UTC)
  amount INTEGER NOT NULL,        -- billionths; below nothing: taken back
  reference TEXT,                 -- a payment is booked once for each of these
  note TEXT
) STRICT;
CREATE UNIQUE INDEX payments_reference ON payments (customer, reference) WHERE reference IS NOT NULL;
