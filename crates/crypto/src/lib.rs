//! strongroom-crypto.
