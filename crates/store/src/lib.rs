//! strongroom-store.
