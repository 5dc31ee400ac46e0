//! strongroom-service.
