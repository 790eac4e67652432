//! Which releases stay.

use std::collections::BTreeSet;
use std::time::SystemTime;

use plimsoll_bundle::Digest;
use plimsoll_deploy::ReleaseId;

use super::Keep;

/// A release with what decides about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aged {
    pub(super) id: ReleaseId,
    pub(super) made: SystemTime,
    /// Its artefacts and images.
    pub(super) needs: BTreeSet<Digest>,
}

/// Parts `releases` (newest first) into those that stay and those that go: those in use stay, the one to go back to,
/// and the newest others up to the number. `measure` says how many bytes a set of kept releases takes.
pub(super) fn choose<'a, E>(
    releases: &'a [Aged],
    (used, back): (&BTreeSet<ReleaseId>, Option<&ReleaseId>),
    keep: Keep,
    measure: impl Fn(&[&'a Aged]) -> Result<u64, E>,
) -> Result<(Vec<&'a Aged>, Vec<&'a Aged>), E> {
    let newest_other = releases.iter().find(|one| !used.contains(&one.id));
    let back = back.or(newest_other.map(|one| &one.id));
    let needed = |one: &Aged| used.contains(&one.id) || Some(&one.id) == back;
    let mut spare = keep.releases.saturating_sub(1);
    let mut kept: Vec<&Aged> = Vec::new();
    for release in releases {
        if needed(release) {
            kept.push(release);
        } else if spare > 0 {
            spare -= 1;
            kept.push(release);
        }
    }
    if let Some(quota) = keep.quota {
        while measure(&kept)? > quota {
            let Some(oldest) = kept.iter().rposition(|one| !needed(one)) else {
                break;
            };
            kept.remove(oldest);
        }
    }
    let stays = |one: &&Aged| kept.iter().any(|other| other.id == one.id);
    let removed = releases.iter().filter(|one| !stays(one)).collect();
    Ok((kept, removed))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use super::*;

    /// Release 9 is the newest, release 1 the oldest.
    fn releases() -> Vec<Aged> {
        let release = |number: u64| Aged {
            id: id(number),
            made: SystemTime::UNIX_EPOCH + Duration::from_secs(number),
            needs: BTreeSet::new(),
        };
        (1..=9).rev().map(release).collect()
    }

    fn id(number: u64) -> ReleaseId {
        format!("r{number:012}").parse().unwrap()
    }

    fn kept(used: &[u64], releases_kept: usize, quota: Option<u64>) -> Vec<u64> {
        kept_beside(used, None, (releases_kept, quota))
    }

    fn kept_beside(
        used: &[u64],
        back: Option<u64>,
        (releases_kept, quota): (usize, Option<u64>),
    ) -> Vec<u64> {
        let back = back.map(id);
        let releases = releases();
        let used = used.iter().map(|number| id(*number)).collect();
        let keep = Keep {
            releases: releases_kept,
            quota,
        };
        // Each takes ten bytes.
        let measure = |kept: &[&Aged]| Ok::<_, Infallible>(kept.len() as u64 * 10);
        let (kept, removed) = choose(&releases, (&used, back.as_ref()), keep, measure).unwrap();
        assert_eq!(kept.len() + removed.len(), releases.len());
        let number = |one: &&Aged| one.id.as_str()[1..].parse().unwrap();
        kept.iter().map(number).collect()
    }

    #[test]
    fn the_newest_stay_beside_those_in_use() {
        assert_eq!(kept(&[9], 2, None), [9, 8, 7]);
        assert_eq!(kept(&[3], 2, None), [9, 8, 3], "after a roll-back");
        assert_eq!(kept(&[], 20, None).len(), 9);
    }

    #[test]
    fn there_is_always_one_to_roll_back_to() {
        assert_eq!(kept(&[9], 0, None), [9, 8]);
        assert_eq!(kept(&[9], 5, Some(0)), [9, 8]);
    }

    #[test]
    fn the_one_to_go_back_to_is_what_was_in_force_before_whatever_its_age() {
        assert_eq!(kept_beside(&[9], Some(3), (1, None)), [9, 3]);
        assert_eq!(kept_beside(&[9], Some(3), (2, Some(0))), [9, 3]);
        assert_eq!(kept_beside(&[9], Some(3), (2, None)), [9, 8, 3]);
    }

    #[test]
    fn under_a_quota_the_oldest_go_first_and_those_in_use_never() {
        assert_eq!(kept(&[9, 2], 5, Some(50)), [9, 8, 7, 6, 2]);
        assert_eq!(kept(&[9, 2], 5, Some(49)), [9, 8, 7, 2]);
    }
}
