//! Removing blobs of a layout that no name leads to any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use plimsoll_bundle::Digest;

use super::layout::referrers_name;
use super::{Descriptor, Index, Layout, MAX_DOCUMENT, OciError, media};

/// What a pruning removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many blobs.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// What names lead to.
#[derive(Debug, Default)]
struct Kept {
    seen: BTreeSet<Digest>,
}

impl Layout {
    /// Removes what no name leads to, and the papers of images that are gone, if it was written at least `older_than`
    /// ago. A build in progress has written blobs that have no name yet: give it the longest time a build takes.
    ///
    /// Where a named image is incomplete or damaged nothing is removed.
    pub fn prune(&self, older_than: Duration) -> Result<Pruned, OciError> {
        let _lock = self.lock()?;
        let mut index = self.index()?;
        let mut kept = Kept::default();
        for image in index.manifests.iter().filter(|one| !is_paper(one)) {
            kept.walk(self, image)?;
        }
        let names: BTreeSet<String> = kept.seen.iter().map(referrers_name).collect();
        let has_subject = |one: &Descriptor| one.name().is_some_and(|name| names.contains(name));
        let before = index.manifests.len();
        index
            .manifests
            .retain(|one| !is_paper(one) || has_subject(one));
        for papers in index.manifests.iter().filter(|one| is_paper(one)) {
            kept.walk(self, papers)?;
        }
        if index.manifests.len() < before {
            self.write_index(&index)?;
        }
        self.remove_others(&kept, older_than)
    }

    /// Takes the names of images away that lead to none of `needed`, if the image was written at least `older_than`
    /// ago; [`Layout::prune`] then removes what they led to. How many names went.
    pub fn forget_others(
        &self,
        needed: &BTreeSet<Digest>,
        older_than: Duration,
    ) -> Result<usize, OciError> {
        let _lock = self.lock()?;
        let mut index = self.index()?;
        let before = index.manifests.len();
        let mut named = Vec::with_capacity(before);
        for image in index.manifests {
            if is_paper(&image) || self.is_needed(&image, needed, older_than)? {
                named.push(image);
            }
        }
        index.manifests = named;
        let forgotten = before - index.manifests.len();
        if forgotten > 0 {
            self.write_index(&index)?;
        }
        Ok(forgotten)
    }

    fn is_needed(
        &self,
        image: &Descriptor,
        needed: &BTreeSet<Digest>,
        older_than: Duration,
    ) -> Result<bool, OciError> {
        let mut leads_to = Kept::default();
        leads_to.walk(self, image)?;
        if !leads_to.seen.is_disjoint(needed) {
            return Ok(true);
        }
        Ok(age(&self.blob_path(&image.digest))? < older_than)
    }

    fn remove_others(&self, kept: &Kept, older_than: Duration) -> Result<Pruned, OciError> {
        let folder = self.blobs();
        let mut pruned = Pruned::default();
        for entry in fs::read_dir(&folder).map_err(OciError::io("list", &folder))? {
            let entry = entry.map_err(OciError::io("list", &folder))?;
            let name = entry.file_name();
            // What is no blob is not ours to remove.
            let Ok(digest) = format!("sha256:{}", name.to_string_lossy()).parse::<Digest>() else {
                continue;
            };
            let path = entry.path();
            let metadata = entry.metadata().map_err(OciError::io("look at", &path))?;
            if kept.seen.contains(&digest) || age(&path)? < older_than {
                continue;
            }
            fs::remove_file(&path).map_err(OciError::io("remove", &path))?;
            pruned.blobs += 1;
            pruned.bytes += metadata.len();
        }
        Ok(pruned)
    }
}

impl Kept {
    /// An index of indexes is followed to its end: each document is read once.
    fn walk(&mut self, layout: &Layout, top: &Descriptor) -> Result<(), OciError> {
        let mut waiting = vec![top.clone()];
        while let Some(one) = waiting.pop() {
            if !self.seen.insert(one.digest.clone()) {
                continue;
            }
            if media::is_index(&one.media_type) {
                let bytes = layout.read(&one, MAX_DOCUMENT)?;
                waiting.extend(Index::parse(&bytes, one.digest.as_str())?.manifests);
            } else if media::is_manifest(&one.media_type) {
                let manifest = layout.manifest(&one)?;
                self.seen
                    .extend(manifest.blobs().map(|blob| blob.digest.clone()));
            }
        }
        Ok(())
    }
}

/// Since it was written; a time in the future is a young one.
fn age(path: &Path) -> Result<Duration, OciError> {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    let written = written.map_err(OciError::io("look at", path))?;
    Ok(SystemTime::now()
        .duration_since(written)
        .unwrap_or_default())
}

/// Whether it is the list of an image's referrers.
fn is_paper(one: &Descriptor) -> bool {
    let hex = one.name().and_then(|name| name.strip_prefix("sha256-"));
    hex.is_some_and(|hex| format!("sha256:{hex}").parse::<Digest>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Manifest;

    fn image(layout: &Layout, text: &str) -> Descriptor {
        let config = layout.put(media::CONFIG, text.as_bytes()).unwrap();
        let layer = layout
            .put(media::LAYER_TAR, format!("layer {text}").as_bytes())
            .unwrap();
        let image = layout
            .put_json(media::MANIFEST, &Manifest::image(config, vec![layer]))
            .unwrap();
        let paper = layout
            .put("application/spdx+json", format!("bill {text}").as_bytes())
            .unwrap();
        let paper = Manifest::artefact("application/spdx+json", paper, image.bare());
        layout.attach(&paper).unwrap();
        image
    }

    fn blobs(layout: &Layout) -> usize {
        fs::read_dir(layout.blobs()).unwrap().count()
    }

    #[test]
    fn what_a_name_leads_to_stays_with_its_papers_and_the_rest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("images")).unwrap();
        let old = image(&layout, "old");
        layout.tag("app", &old).unwrap();
        let new = image(&layout, "new");
        layout.tag("app", &new).unwrap();
        // Configuration, layer, manifest, bill, its manifest and the list, twice; one empty configuration.
        assert_eq!(blobs(&layout), 13);
        assert_eq!(
            layout.prune(Duration::from_hours(1)).unwrap(),
            Pruned::default()
        );
        assert_eq!(layout.prune(Duration::ZERO).unwrap().blobs, 6);
        assert!(layout.referrers(&old.digest).unwrap().is_empty());
        let papers = layout.referrers(&new.digest).unwrap();
        let manifest = layout.manifest(&papers[0]).unwrap();
        assert!(manifest.blobs().all(|blob| layout.has(blob)));
        assert_eq!(layout.prune(Duration::ZERO).unwrap(), Pruned::default());
    }

    #[test]
    fn names_that_nobody_needs_go_and_one_that_leads_to_a_needed_image_stays() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("images")).unwrap();
        let (one, two) = (image(&layout, "1"), image(&layout, "2"));
        let index = layout
            .put_json(media::INDEX, &Index::new(vec![one.clone()]))
            .unwrap();
        layout.tag("needed", &index).unwrap();
        layout.tag("other", &two).unwrap();
        let needed = BTreeSet::from([one.digest.clone()]);
        let young = Duration::from_hours(1);
        assert_eq!(layout.forget_others(&needed, young).unwrap(), 0);
        assert_eq!(layout.forget_others(&needed, Duration::ZERO).unwrap(), 1);
        layout.prune(Duration::ZERO).unwrap();
        assert!(layout.has(&one) && !layout.has(&two));
    }

    #[test]
    fn images_behind_an_index_stay_and_a_damaged_one_stops_the_pruning() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("images")).unwrap();
        let (one, two) = (image(&layout, "1"), image(&layout, "2"));
        let index = layout
            .put_json(media::INDEX, &Index::new(vec![one.clone(), two]))
            .unwrap();
        layout.tag("app", &index).unwrap();
        assert_eq!(layout.prune(Duration::ZERO).unwrap(), Pruned::default());
        plimsoll_stdx::fs::write_atomic(&layout.blob_path(&one.digest), b"damaged").unwrap();
        layout.put(media::LAYER_TAR, b"loose").unwrap();
        assert!(layout.prune(Duration::ZERO).is_err());
        assert_eq!(blobs(&layout), 15);
    }
}
