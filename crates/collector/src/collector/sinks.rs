//! The stores beside the backend, about to be served.

use std::{borrow::Cow, sync::Arc};

use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::CollectorError;
use crate::{
    backend::Confirmed,
    protocol::{Output, prometheus::Mappings},
    remote_write::{Declared, HttpReceiver, RemoteWrite, RemoteWriteMetrics, RemoteWriteSettings},
    spool::{SinkSettings, Spool, SpoolError},
    time::Clock,
};

/// Sinks with their receivers, and how their series are named.
pub struct Sinks {
    receivers: Vec<(RemoteWriteSettings, Arc<HttpReceiver>)>,
    protocol: String,
    outputs: Cow<'static, [Output]>,
    entities: watch::Receiver<Option<Confirmed>>,
    pub(super) metrics: RemoteWriteMetrics,
}

impl Sinks {
    /// Creates none.
    pub fn none() -> Self {
        Self {
            receivers: Vec::new(),
            protocol: String::new(),
            outputs: Cow::Borrowed(&[]),
            entities: watch::channel(None).1,
            metrics: RemoteWriteMetrics::default(),
        }
    }

    /// Checks the settings of sinks; series are named by what a protocol declares.
    ///
    /// # Errors
    /// Fails if a receiver cannot be reached as its settings say.
    pub fn of(
        settings: &[RemoteWriteSettings],
        protocol: &str,
        outputs: &'static [Output],
    ) -> Result<Self, Box<CollectorError>> {
        let receiver = |settings: &RemoteWriteSettings| match HttpReceiver::new(settings) {
            Ok(receiver) => Ok((settings.clone(), Arc::new(receiver))),
            Err(source) => Err(Box::new(CollectorError::Sink { name: settings.sink.name.clone(), source })),
        };
        let receivers = settings.iter().map(receiver).collect::<Result<_, _>>()?;
        Ok(Self { receivers, protocol: protocol.to_owned(), outputs: Cow::Borrowed(outputs), ..Self::none() })
    }

    /// Reads the names of entities from what a refresh reads.
    #[must_use]
    pub fn with_entities(self, entities: watch::Receiver<Option<Confirmed>>) -> Self {
        Self { entities, ..self }
    }

    /// Returns what a spool has to know of them.
    pub(super) fn settings(&self) -> Vec<SinkSettings> {
        self.receivers.iter().map(|(settings, _)| settings.sink.clone()).collect()
    }

    /// Begins to serve them; they end with the token.
    pub(super) fn begin(self, spool: &Spool, clock: &Arc<dyn Clock>, stop: &CancellationToken) -> Serving {
        let mut serving = JoinSet::new();
        for (settings, receiver) in self.receivers {
            let Some(sink) = spool.sink(&settings.sink.name) else { continue };
            let declared = [(self.protocol.as_str(), &*self.outputs)];
            let mappings = Mappings::of(declared, &settings.template);
            let task = RemoteWrite {
                spool: spool.clone(),
                sink,
                receiver,
                naming: Declared::new(mappings, self.entities.clone(), settings.labels.clone()),
                settings,
                clock: Arc::clone(clock),
                metrics: self.metrics.clone(),
                stop: stop.clone(),
            };
            serving.spawn(task.run().in_current_span());
        }
        Serving(serving)
    }
}

/// Sinks that are served; they end when nobody waits for them any more.
pub(super) struct Serving(JoinSet<Result<(), SpoolError>>);

impl Serving {
    /// Waits until all have ended, or one cannot go on.
    pub(super) async fn ended(&mut self) -> Result<(), SpoolError> {
        while let Some(ended) = self.0.join_next().await {
            ended.map_err(JoinError::into_panic).unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(())
    }
}
