//! The C interface of CES.
