//! Whether an image is the one that a person means.

use crate::container::Image;

/// A reference to images: all that is given must agree.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct ImagePattern<'p> {
    /// Completed as docker does: `nginx` is `docker.io/library/nginx`.
    repository: Option<String>,
    tag: Option<&'p str>,
    digest: Option<&'p str>,
}

impl<'p> ImagePattern<'p> {
    /// Reads `repository[:tag][@digest]`, or a digest alone.
    pub(crate) fn parse(reference: &'p str) -> Self {
        if is_digest(reference) {
            return Self {
                repository: None,
                tag: None,
                digest: Some(reference),
            };
        }
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, None),
        };
        // A colon before a slash belongs to the registry's port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        Self {
            repository: Some(complete(repository)),
            tag,
            digest,
        }
    }

    /// True when `image` is of this repository, tag and digest, as far as they are given.
    pub(crate) fn matches(&self, image: &Image) -> bool {
        let of = ImagePattern::parse(&image.name);
        let digest = image.digest.as_deref().or(of.digest);
        // An image named without a tag is the latest.
        let tag = of.tag.or(match of.digest {
            None => Some("latest"),
            Some(_) => None,
        });
        (self.repository.is_none() || self.repository == of.repository)
            && (self.tag.is_none() || self.tag == tag)
            && (self.digest.is_none() || self.digest == digest)
    }
}

fn is_digest(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(algorithm, hex)| {
        matches!(algorithm, "sha256" | "sha512")
            && hex.len() >= 64
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn complete(repository: &str) -> String {
    let (first, rest) = match repository.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (repository, None),
    };
    let names_registry = first.contains(['.', ':']) || first == "localhost";
    match rest {
        None => format!("docker.io/library/{repository}"),
        Some(rest) if first == "docker.io" && !rest.contains('/') => {
            format!("docker.io/library/{rest}")
        }
        Some(_) if names_registry => repository.to_owned(),
        Some(_) => format!("docker.io/{repository}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_tags_and_digests_are_told_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let other = format!("sha256:{}", "b".repeat(64));
        let digested = format!("registry.k8s.io/pause@{digest}");
        let table = [
            ("nginx", "docker.io/library/nginx:1.25", true),
            ("nginx", "nginx", true),
            ("nginx", "docker.io/nginx", true),
            ("nginx", "docker.io/library/nginx-unprivileged:1.25", false),
            ("nginx", "quay.io/library/nginx", false),
            ("nginx:1.25", "docker.io/library/nginx:1.25", true),
            ("nginx:1.25", "nginx:1.26", false),
            ("nginx:latest", "nginx", true),
            ("bitnami/nginx", "docker.io/bitnami/nginx:1", true),
            ("localhost:5000/app", "localhost:5000/app:2", true),
            ("localhost:5000/app:1", "localhost:5000/app:2", false),
            ("registry.k8s.io/pause", &digested, true),
            ("registry.k8s.io/pause:latest", &digested, false),
            (&digest, &digested, true),
            (&other, &digested, false),
            (&digested, &digested, true),
            ("", "nginx", false),
        ];
        for (pattern, name, expected) in table {
            let image = Image {
                name: name.to_owned(),
                digest: None,
            };
            let matches = ImagePattern::parse(pattern).matches(&image);
            assert_eq!(matches, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_digest_that_the_runtime_tells_counts() {
        let digest = format!("sha256:{}", "c".repeat(64));
        let image = Image {
            name: "nginx:1.25".into(),
            digest: Some(digest.clone()),
        };
        assert!(ImagePattern::parse(&digest).matches(&image));
        assert!(ImagePattern::parse(&format!("nginx@{digest}")).matches(&image));
        assert!(!ImagePattern::parse(&format!("redis@{digest}")).matches(&image));
    }
}
