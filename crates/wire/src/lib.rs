//! strongroom-wire.
