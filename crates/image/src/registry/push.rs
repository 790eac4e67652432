//! An image to the registry: blobs, then manifests, then what is attached to it.

use std::ops::ControlFlow;

use plimsoll_bundle::Digest;
use ureq::http::{Method, StatusCode};

use super::RegistryError;
use super::client::{Call, Content, Registry, text};
use super::settings::{Progress, Watch};
use super::upload::{Blob, Sent};
use crate::oci::{Descriptor, Index, Layout, MAX_DOCUMENT, Manifest, media};

/// Indexes within indexes, at the most: an index of platforms, and one more for those who nest them.
const MAX_NESTING: usize = 2;

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The digest under which the registry has the image.
    pub digest: Digest,
    /// Blobs that were sent.
    pub uploaded: usize,
    /// Blobs that the registry took from another of its repositories.
    pub mounted: usize,
    /// Blobs that were there.
    pub present: usize,
    /// Artefacts (bills of materials, provenance) that were pushed with it.
    pub attached: usize,
}

/// How far a push is.
struct Course<'a> {
    layout: &'a Layout,
    watch: Watch<'a>,
    done: u64,
    total: u64,
    pushed: Pushed,
}

impl Course<'_> {
    fn tell(&mut self, of_this: u64) -> Result<(), RegistryError> {
        let done = (self.done + of_this).min(self.total);
        match (self.watch)(Progress {
            done,
            total: self.total,
        }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(RegistryError::Stopped),
        }
    }
}

impl Registry {
    /// Pushes the image or index `image` of `layout` and all it names, then the artefacts attached to it, under the
    /// reference's tag (and by its digest where there is none).
    ///
    /// A manifest is sent after all it names. Broken off, the push leaves blobs in the registry, which the next one
    /// finds; no tag has moved.
    pub fn push(
        &self,
        layout: &Layout,
        image: &Descriptor,
        watch: Watch<'_>,
    ) -> Result<Pushed, RegistryError> {
        let attached = layout.referrers(&image.digest)?;
        let mut total = 0;
        for one in std::iter::once(image).chain(&attached) {
            total += size(layout, one, MAX_NESTING)?;
        }
        let digest = image.digest.clone();
        let pushed = Pushed {
            digest,
            uploaded: 0,
            mounted: 0,
            present: 0,
            attached: 0,
        };
        let mut course = Course {
            layout,
            watch,
            done: 0,
            total,
            pushed,
        };
        let name = self
            .reference
            .tag
            .clone()
            .unwrap_or_else(|| image.digest.to_string());
        self.push_one(&mut course, image, &name, MAX_NESTING)?;
        for artefact in &attached {
            let has_referrers =
                self.push_one(&mut course, artefact, artefact.digest.as_str(), 0)?;
            if !has_referrers {
                self.list_referrer(&image.digest, artefact)?;
            }
            course.pushed.attached += 1;
        }
        Ok(course.pushed)
    }

    /// Returns whether the registry keeps the list of artefacts about an image by itself.
    fn push_one(
        &self,
        course: &mut Course<'_>,
        one: &Descriptor,
        name: &str,
        nesting: usize,
    ) -> Result<bool, RegistryError> {
        let bytes = course.layout.read(one, MAX_DOCUMENT)?;
        if media::is_index(&one.media_type) {
            let Some(nesting) = nesting.checked_sub(1) else {
                return Err(too_deep(one));
            };
            for inner in &Index::parse(&bytes, one.digest.as_str())?.manifests {
                self.push_one(course, inner, inner.digest.as_str(), nesting)?;
            }
        } else {
            self.push_blobs(course, &Manifest::parse(&bytes, one.digest.as_str())?)?;
        }
        let has_referrers = self.put_manifest(&one.media_type, &bytes, name)?;
        course.done += one.size;
        course.tell(0)?;
        Ok(has_referrers)
    }

    fn push_blobs(
        &self,
        course: &mut Course<'_>,
        manifest: &Manifest,
    ) -> Result<(), RegistryError> {
        let count = manifest.layers.len();
        for (index, descriptor) in manifest.blobs().enumerate() {
            let what = name_of(index, count);
            let blob = Blob::new(course.layout, descriptor, what);
            let sent = self.upload(&blob, &mut |bytes| course.tell(bytes))?;
            course.done += descriptor.size;
            course.tell(0)?;
            match sent {
                Sent::Present => course.pushed.present += 1,
                Sent::Mounted => course.pushed.mounted += 1,
                Sent::Uploaded => course.pushed.uploaded += 1,
            }
        }
        Ok(())
    }

    /// Puts a manifest; returns whether the registry lists it with its subject by itself.
    pub(super) fn put_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        name: &str,
    ) -> Result<bool, RegistryError> {
        let action = format!("push the manifest `{name}`");
        let uri = self.address(&format!("manifests/{name}"))?;
        let headers = vec![("content-type", media_type.to_owned())];
        let content = Content::Bytes(bytes);
        let answer = self.send(&Call {
            method: Method::PUT,
            uri,
            headers,
            content,
            action: action.clone(),
        })?;
        if !matches!(
            answer.status(),
            StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED
        ) {
            return Err(self.refused(&action, answer));
        }
        self.ensure_digest(
            &answer,
            Digest::of(bytes).as_str(),
            &format!("the manifest `{name}`"),
        )?;
        Ok(text(answer.headers(), "oci-subject").is_some())
    }
}

/// A blob of an image, for people: the configuration first, then the layers from 1.
pub(super) fn name_of(index: usize, layers: usize) -> String {
    if index == 0 {
        "the configuration".to_owned()
    } else {
        format!("layer {index} of {layers}")
    }
}

fn too_deep(index: &Descriptor) -> RegistryError {
    let place = index.digest.to_string();
    RegistryError::Oci(crate::oci::OciError::TooMany {
        what: "indexes within one another",
        place,
        limit: MAX_NESTING,
    })
}

/// Bytes of a document and all it names.
fn size(layout: &Layout, one: &Descriptor, nesting: usize) -> Result<u64, RegistryError> {
    let bytes = layout.read(one, MAX_DOCUMENT)?;
    let mut total = one.size;
    if media::is_index(&one.media_type) {
        let nesting = nesting.checked_sub(1).ok_or_else(|| too_deep(one))?;
        for inner in &Index::parse(&bytes, one.digest.as_str())?.manifests {
            total += size(layout, inner, nesting)?;
        }
    } else {
        let manifest = Manifest::parse(&bytes, one.digest.as_str())?;
        total = manifest
            .blobs()
            .fold(total, |total, blob| total.saturating_add(blob.size));
    }
    Ok(total)
}
