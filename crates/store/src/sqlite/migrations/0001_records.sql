-- What a record is: a key, how often it was written, and where its sealed bytes lie.
CREATE TABLE record (
    tab     INTEGER NOT NULL, -- the code of its table
    key     BLOB    NOT NULL,
    version INTEGER NOT NULL,
    length  INTEGER NOT NULL, -- of the value; the slot is filled up with zeros
    slot    INTEGER NOT NULL,
    PRIMARY KEY (tab, key)
) STRICT, WITHOUT ROWID;

-- Sealed bytes. Rows are appended and overwritten in place, and never deleted: see slots.rs.
CREATE TABLE slot (
    id    INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- Slots that hold zeros and wait for a value, by their size.
CREATE TABLE free_slot (
    room INTEGER NOT NULL,
    id   INTEGER NOT NULL,
    PRIMARY KEY (room, id)
) STRICT, WITHOUT ROWID;
