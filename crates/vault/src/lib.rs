//! strongroom-vault.
