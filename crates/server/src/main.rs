//! strongroom.
fn main() {}
