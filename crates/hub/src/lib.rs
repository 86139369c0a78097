//! A Grafolean-compatible backend on an embedded database, with a page.

pub mod points;
