//! What the API server answers, in words.

/// Why a call failed: in the API server's own words where it answered.
pub fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        kube::Error::Api(status) => format!("the API server answers {}", status.code),
        error => causes(error),
    }
}

/// An error with its causes, each once: some of them repeat what is below them.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn the_api_servers_own_words_are_told() {
        let api = |message: &str| {
            kube::Error::Api(Box::new(Status {
                code: 403,
                message: message.into(),
                ..Status::default()
            }))
        };
        assert_eq!(reason(&api("pods is forbidden")), "pods is forbidden");
        assert_eq!(reason(&api("")), "the API server answers 403");
    }

    #[test]
    fn a_cause_is_told_once() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = kube::Error::ReadEvents(refused);
        assert_eq!(
            reason(&error),
            "Error reading events stream: connection refused"
        );
    }
}
