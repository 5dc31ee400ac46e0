//! Which Regions a node serves.

use strongroom_core::ids::Region;

/// The Regions that callers can sign for, and that keys can be replicated to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions(Option<Vec<Region>>);

impl Regions {
    /// Whatever a caller signs for.
    pub const fn any() -> Self {
        Self(None)
    }

    /// These alone.
    pub const fn only(regions: Vec<Region>) -> Self {
        Self(Some(regions))
    }

    /// Whether `region` is one of them.
    pub fn serve(&self, region: Region) -> bool {
        self.0.as_ref().is_none_or(|regions| regions.contains(&region))
    }
}
