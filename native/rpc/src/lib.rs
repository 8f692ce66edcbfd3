//! Cap'n Proto RPC, level 1, without I/O: bytes in; bytes, calls and releases out. It knows no schema.
