//! Pages of a list: one record more is fetched than is shown, which tells whether there is another page.

use crate::error::OpError;
use crate::frame::Cx;
use crate::markers::Markers;

/// One page of one list.
pub(crate) struct Page<'a> {
    markers: Markers<'a>,
    after: Option<Vec<u8>>,
    limit: usize,
}

impl<'a> Page<'a> {
    /// The page after `marker` of `list`, of `limit` records or `default_limit`.
    ///
    /// # Errors
    /// [`OpError::InvalidMarker`].
    pub(crate) fn read(
        cx: &'a Cx<'_>,
        list: &str,
        limit: Option<i32>,
        default_limit: usize,
        marker: Option<&str>,
    ) -> Result<Self, OpError> {
        let markers = Markers::new(cx.vault(), cx.rng(), cx.op, list);
        let after = marker.map(|marker| markers.read(marker)).transpose()?;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(default_limit);
        Ok(Self { markers, after, limit })
    }

    /// Where the page begins.
    pub(crate) fn after(&self) -> Option<&[u8]> {
        self.after.as_deref()
    }

    /// How many records to fetch.
    pub(crate) fn fetch(&self) -> usize {
        self.limit + 1
    }

    /// Cuts `found` to the page, and gives the marker of the next one if there is one.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub(crate) fn end<T>(&self, found: &mut Vec<T>, name: impl Fn(&T) -> &Vec<u8>) -> Result<Option<String>, OpError> {
        if found.len() <= self.limit {
            return Ok(None);
        }
        found.truncate(self.limit);
        found.last().map(|last| self.markers.make(name(last))).transpose()
    }
}

/// Refuses a limit above the documented one, which is below that of the shape (behaviours 12.1).
///
/// # Errors
/// In the words of a constraint of the shape.
pub(crate) fn check_documented_limit(limit: Option<i32>, max: i32) -> Result<(), OpError> {
    match limit {
        Some(limit) if limit > max => Err(OpError::Invalid(
            format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: \
                 Member must have value less than or equal to {max}"
            )
            .into(),
        )),
        Some(_) | None => Ok(()),
    }
}
