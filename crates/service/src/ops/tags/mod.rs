//! Operations on the tags of keys (behaviours 10.2).

mod list_resource_tags;
mod tag_resource;
mod untag_resource;

pub(super) use list_resource_tags::ListResourceTags;
pub(super) use tag_resource::TagResource;
pub(super) use untag_resource::UntagResource;
