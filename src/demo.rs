//! `polytomic-shim demo` and `polytomic-shim emulator`: an upstream in the same process, and lines
//! to try it with.

pub mod receiver;
mod traffic;

use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::emulator::seed::{
    KEYS, MULTI_BULK_SYNC, ORGANIZATION_A, RUNNING_EXECUTION, RUNNING_SYNC,
};
use crate::emulator::{self, Emulator};
use crate::settings::Origin;
use receiver::Receiver;

pub use traffic::generate;

/// The admin token of a demo that was given none: it opens nothing but the demo.
pub const ADMIN_TOKEN: &str = "demo-admin-token";

/// A running emulator; ends when it is dropped.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    serving: JoinHandle<std::io::Result<()>>,
    _end: oneshot::Sender<()>,
}

impl Upstream {
    /// Starts an emulator with the demo's data. Fails when it cannot listen on `address`.
    pub async fn start(address: SocketAddr, emulator: Emulator) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (end, ended) = oneshot::channel::<()>();
        let serving = tokio::spawn(emulator::serve(listener, emulator, async {
            // A dropped sender is the only message there is.
            let _ = ended.await;
        }));
        Ok(Self { address, serving, _end: end })
    }

    /// Its origin, for the setting `upstream`. The error says what is wrong with it.
    pub fn origin(&self) -> Result<Origin, String> {
        format!("http://{}", self.address).parse()
    }

    /// Waits for a message on `stop`, or until the emulator fails.
    pub async fn until(mut self, mut stop: mpsc::Receiver<()>) -> std::io::Result<()> {
        tokio::select! {
            _ = stop.recv() => Ok(()),
            ended = &mut self.serving => ended.unwrap_or_else(|error| Err(error.into())),
        }
    }
}

/// Where everything listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The shim's clients.
    pub shim: SocketAddr,
    /// The shim's admin listener.
    pub admin: SocketAddr,
    /// The emulator.
    pub emulator: SocketAddr,
}

/// What to try, for people: every printed block can be pasted into a shell as it is.
pub fn instructions(
    at: Addresses,
    own_token: bool,
    receiver: Receiver,
    delivery: &Value,
) -> String {
    let Addresses { shim, admin, emulator } = at;
    let keys = keys();
    let webhook = receiver::instructions(shim, receiver, delivery);
    let token = match own_token {
        true => format!("; its admin token is {ADMIN_TOKEN}"),
        false => String::new(),
    };
    format!(
        r#"A legacy (2024-02-08) API, answered by a 2025-09-18 one, both in this process.

  shim       http://{shim}
  emulator   http://{emulator}   (upstream; it serves both versions, to compare)
  dashboard  http://{admin}/   (who calls what, and the rollout{token})

Keys, which open nothing but the emulator, each with its kind and organization:

{keys}
Try it with curl. Organization A's schedule with several parts, which 2025-09-18 stores differently:

  curl -s http://{shim}/api/bulk/syncs/{MULTI_BULK_SYNC} -H 'Authorization: Bearer demo-a-user'
  curl -s http://{emulator}/api/bulk/syncs/{MULTI_BULK_SYNC} -H 'Authorization: Bearer demo-a-user' -H 'X-Polytomic-Version: 2025-09-18'

The organizations of a user, by a route that 2025-09-18 keeps for partners, and of a partner:

  curl -s http://{shim}/api/organizations -H 'Authorization: Bearer demo-a-user'
  curl -s http://{shim}/api/organizations -H 'Authorization: Bearer demo-partner'
  curl -s http://{shim}/api/organizations -u {ORGANIZATION_A}:demo-partner

All model syncs in one list, with what the shim did in the X-Shim-* headers:

  curl -s -o /dev/null -D - http://{shim}/api/syncs -H 'Authorization: Bearer demo-a-user'

An execution under way, canceled by a PUT that 2025-09-18 does not have:

  curl -s -X PUT http://{shim}/api/syncs/{RUNNING_SYNC}/executions/{RUNNING_EXECUTION} -H 'Authorization: Bearer demo-a-user' -H 'Content-Type: application/json' -d '{{"status": "canceled"}}'

{webhook}
Try it with the Python SDK of the legacy API, unmodified:

  python3 -m venv polytomic-demo && polytomic-demo/bin/pip install -q polytomic==1.18.0
  polytomic-demo/bin/python -c '
from polytomic import Polytomic
client = Polytomic(base_url="http://{shim}", token="demo-a-user")
print(client.identity.get().data.email)
print(client.bulk_sync.get("{MULTI_BULK_SYNC}").data.schedule)
print(len(client.model_sync.list().data), "model syncs")
'

Try it with the Node SDK of the legacy API, unmodified:

  npm install --silent --prefix polytomic-demo polytomic@1.18.1
  NODE_PATH=polytomic-demo/node_modules node -e '
const {{ PolytomicClient }} = require("polytomic");
const client = new PolytomicClient({{ environment: "http://{shim}", token: "demo-a-user" }});
(async () => {{
  console.log((await client.identity.get()).data.email);
  console.log((await client.bulkSync.get("{MULTI_BULK_SYNC}")).data.schedule);
  console.log((await client.modelSync.list()).data.length, "model syncs");
}})();
'

Ctrl-C ends all of them.
"#
    )
}

/// The seeded credentials, one a line: key, kind, organization.
pub fn keys() -> String {
    let line = |key: &emulator::seed::Key| {
        let line = format!("  {:<21}{:<14}{}", key.secret, key.kind, key.organization);
        format!("{}\n", line.trim_end())
    };
    KEYS.iter().map(line).collect()
}
