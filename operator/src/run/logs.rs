//! Logs to standard error, as text for people or as JSON for programs.

mod lines;

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing::Subscriber;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, fmt};

use lines::Lines;

/// This target logs whole unreadable answers of the API server, which may contain Secrets. The
/// caller reports the error instead.
const LOGS_BODIES: &str = "kube_client::client";

/// What is logged, and how.
#[derive(Args, Clone, Debug)]
pub struct Logs {
    /// What is logged: a level (error, warn, info, debug, trace), or directives such as
    /// `info,kube=debug`.
    #[arg(long, env = "SLOTKEEPER_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// The format of a line.
    #[arg(long, env = "SLOTKEEPER_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Logs {
    /// Starts logging.
    ///
    /// # Errors When the level is invalid, or logging was started already.
    pub fn start(&self) -> Result<(), String> {
        let subscriber = self.subscriber(std::io::stderr, std::io::stderr().is_terminal())?;
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|error| format!("cannot log: {error}"))
    }

    fn subscriber<W>(
        &self,
        writer: W,
        colours: bool,
    ) -> Result<Box<dyn Subscriber + Send + Sync>, String>
    where
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let filter = EnvFilter::builder()
            .parse(&self.log_level)
            .map_err(|error| format!("--log-level {:?}: {error}", self.log_level))?;
        let lines = Lines::new(writer, self.log_format);
        // It would panic where standard error is broken, which is no reason to end.
        let subscriber =
            (fmt().with_env_filter(filter).with_writer(lines)).log_internal_errors(false);
        let quiet = filter_fn(|about| about.target() != LOGS_BODIES);
        Ok(match self.log_format {
            LogFormat::Text => Box::new(subscriber.with_ansi(colours).finish().with(quiet)),
            LogFormat::Json => {
                let subscriber = subscriber.json().flatten_event(true);
                Box::new(subscriber.finish().with(quiet))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use k8s_openapi::api::core::v1::Secret;
    use kube::Api;

    use super::*;
    use crate::platform::kubernetes::fake_server;
    use crate::text;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log_level: &str, log_format: LogFormat) -> String {
        let page = Page::default();
        let logs = Logs {
            log_level: log_level.to_owned(),
            log_format,
        };
        let writer = page.clone();
        let subscriber = logs.subscriber(move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(cluster = "demo", "a step was performed");
            tracing::debug!("a detail");
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_has_one_line_for_people() {
        let text = logged("info", LogFormat::Text);
        assert!(
            text.contains("a step was performed cluster=\"demo\""),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn json_has_its_fields_at_the_top() {
        let text = logged("info", LogFormat::Json);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "a step was performed");
        assert_eq!(line["cluster"], "demo");
    }

    #[test]
    fn what_others_cause_without_end_is_bounded_and_counted() {
        let page = Page::default();
        let logs = Logs {
            log_level: "info".to_owned(),
            log_format: LogFormat::Json,
        };
        let writer = page.clone();
        let subscriber = logs.subscriber(move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let nonsense = "nonsense\n".repeat(10_000);
            for number in 0..10_000 {
                tracing::warn!(number, nonsense, "an answer cannot be read");
            }
            tracing::warn!("something else");
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let count = text.lines().count();
        // The burst, and some more on a slow machine.
        assert!((100..5_000).contains(&count), "{count}");
        assert!(text.lines().all(|line| line.len() < 8_000));
        assert!(text.lines().last().unwrap().contains("something else"));
    }

    #[test]
    fn no_answer_of_the_api_server_is_logged_as_it_came() {
        let page = Page::default();
        let logs = Logs {
            log_level: "trace".to_owned(),
            log_format: LogFormat::Text,
        };
        let writer = page.clone();
        let subscriber = logs.subscriber(move || writer.clone(), false).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let error = tracing::subscriber::with_default(subscriber, || {
            runtime.block_on(async {
                // A Secret whose data is not a map.
                let answer = serde_json::json!({"metadata": {"name": "pw"}, "data": "s3cret"});
                let client = fake_server::client(move |_, _, _| Ok(answer.clone()));
                let secrets = Api::<Secret>::default_namespaced(client);
                secrets.get("pw").await.unwrap_err()
            })
        });
        assert!(error.to_string().contains("s3cret"), "{error}");
        assert!(!text::of_api(&error).contains("s3cret"));
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn a_directive_may_name_a_module() {
        let text = logged("warn,slotkeeper=debug", LogFormat::Text);
        assert!(text.contains("a detail"), "{text}");
    }

    #[test]
    fn a_level_that_is_none_is_refused_by_name() {
        let logs = Logs {
            log_level: "info,slotkeeper=loud".to_owned(),
            log_format: LogFormat::Text,
        };
        let error = logs.start().unwrap_err();
        assert!(
            error.starts_with("--log-level \"info,slotkeeper=loud\": "),
            "{error}"
        );
    }
}
