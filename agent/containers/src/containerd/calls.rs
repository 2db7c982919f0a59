//! The calls of the containerd API that this source makes, each within a time.

use std::path::PathBuf;
use std::time::Duration;

use containerd_client::services::v1::containers_client::ContainersClient;
use containerd_client::services::v1::events_client::EventsClient;
use containerd_client::services::v1::images_client::ImagesClient;
use containerd_client::services::v1::namespaces_client::NamespacesClient;
use containerd_client::services::v1::tasks_client::TasksClient;
use containerd_client::services::v1::{
    Container, GetContainerRequest, GetImageRequest, ListContainersRequest, ListNamespacesRequest,
    ListTasksRequest, SubscribeRequest,
};
use containerd_client::types::Envelope;
use containerd_client::types::v1::Process;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::ContainerdError;

/// containerd's own client takes messages of this size.
const MESSAGE_LIMIT: usize = 16 << 20;
/// More containers than a namespace ever has.
const MOST_CONTAINERS: usize = 65_536;
const CONNECT: Duration = Duration::from_secs(5);

/// A connection to containerd.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    socket: PathBuf,
    channel: Channel,
}

impl Calls {
    pub(super) async fn connect(socket: PathBuf) -> Result<Self, ContainerdError> {
        match timeout(CONNECT, containerd_client::connect(&socket)).await {
            Ok(Ok(channel)) => Ok(Self { socket, channel }),
            Ok(Err(source)) => Err(ContainerdError::Connect { socket, source }),
            Err(_) => Err(ContainerdError::Late {
                socket,
                operation: "connecting",
                limit: CONNECT,
            }),
        }
    }

    pub(super) async fn namespaces(&self, limit: Duration) -> Result<Vec<String>, ContainerdError> {
        let mut client = NamespacesClient::new(self.channel.clone());
        let request = ListNamespacesRequest::default();
        let answer = self
            .within(limit, "the namespaces", client.list(request))
            .await?;
        Ok(answer
            .namespaces
            .into_iter()
            .map(|namespace| namespace.name)
            .collect())
    }

    /// The record of one container; `Ok(None)` where the namespace has no such container.
    pub(super) async fn container(
        &self,
        namespace: &str,
        id: &str,
        limit: Duration,
    ) -> Result<Option<Container>, ContainerdError> {
        let mut client =
            ContainersClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT);
        let request = self.request(namespace, GetContainerRequest { id: id.to_owned() })?;
        match self.within(limit, "a container", client.get(request)).await {
            Ok(answer) => Ok(answer.container.filter(|container| container.id == id)),
            // An id that containerd would not allow is not one of its containers.
            Err(ContainerdError::Call { source, .. })
                if matches!(source.code(), Code::NotFound | Code::InvalidArgument) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// All containers' records, one message each: together they may exceed any limit.
    pub(super) async fn containers(
        &self,
        namespace: &str,
        limit: Duration,
        mut each: impl FnMut(Container),
    ) -> Result<(), ContainerdError> {
        let mut client =
            ContainersClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT);
        let request = self.request(namespace, ListContainersRequest::default())?;
        let list = async {
            let mut stream = client.list_stream(request).await?.into_inner();
            let mut count = 0;
            while let Some(message) = stream.message().await? {
                count += 1;
                if count > MOST_CONTAINERS {
                    return Err(Status::out_of_range("more containers than there can be"));
                }
                message.container.into_iter().for_each(&mut each);
            }
            Ok(Response::new(()))
        };
        self.within(limit, "the containers", list).await
    }

    pub(super) async fn tasks(
        &self,
        namespace: &str,
        limit: Duration,
    ) -> Result<Vec<Process>, ContainerdError> {
        let mut client =
            TasksClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT);
        let request = self.request(namespace, ListTasksRequest::default())?;
        Ok(self
            .within(limit, "the tasks", client.list(request))
            .await?
            .tasks)
    }

    /// The digest that the image's name stands for now.
    pub(super) async fn image_digest(
        &self,
        namespace: &str,
        name: &str,
        limit: Duration,
    ) -> Result<Option<String>, ContainerdError> {
        let mut client = ImagesClient::new(self.channel.clone());
        let request = self.request(
            namespace,
            GetImageRequest {
                name: name.to_owned(),
            },
        )?;
        let answer = self.within(limit, "an image", client.get(request)).await?;
        Ok(answer
            .image
            .and_then(|image| image.target)
            .map(|target| target.digest))
    }

    /// Reads ahead into `events`; ends with `None` or an error.
    pub(super) async fn read_events(self, events: mpsc::Sender<Result<Option<Envelope>, Status>>) {
        let mut client = EventsClient::new(self.channel);
        let request = SubscribeRequest {
            filters: vec![r#"topic~="^/(containers|tasks)/""#.to_owned()],
        };
        // The answer's header comes with the first event, however late that is.
        let mut stream = match client.subscribe(request).await {
            Ok(stream) => stream.into_inner(),
            Err(status) => {
                // The receiver may be gone: then nobody wants to know.
                let _ = events.send(Err(status)).await;
                return;
            }
        };
        loop {
            let event = stream.message().await;
            let last = !matches!(event, Ok(Some(_)));
            if events.send(event).await.is_err() || last {
                return;
            }
        }
    }

    pub(super) fn failed(&self, operation: &'static str, status: Status) -> ContainerdError {
        ContainerdError::Call {
            socket: self.socket.clone(),
            operation,
            source: Box::new(status),
        }
    }

    fn request<T>(&self, namespace: &str, message: T) -> Result<Request<T>, ContainerdError> {
        let value = MetadataValue::<Ascii>::try_from(namespace).map_err(|_| {
            self.failed(
                "a namespace's name",
                Status::invalid_argument(format!("{namespace:?}")),
            )
        })?;
        let mut request = Request::new(message);
        request.metadata_mut().insert("containerd-namespace", value);
        Ok(request)
    }

    async fn within<T>(
        &self,
        limit: Duration,
        operation: &'static str,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, ContainerdError> {
        match timeout(limit, answer).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.failed(operation, status)),
            Err(_) => Err(ContainerdError::Late {
                socket: self.socket.clone(),
                operation,
                limit,
            }),
        }
    }
}
