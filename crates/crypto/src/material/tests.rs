//! Material of every spec, through its public verbs.
