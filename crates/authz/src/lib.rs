//! strongroom-authz.
