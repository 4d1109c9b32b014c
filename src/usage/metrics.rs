//! Usage as metrics. Labels are bounded: operations of the contract, and SDKs with the first two
//! parts of their version; never a caller.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::history::DAY;
use super::{Usage, now};

type Result = std::result::Result<(), std::fmt::Error>;

impl Collector for Usage {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result {
        self.encode_operations(&mut encoder)?;
        self.encode_sdks(&mut encoder)?;
        let recent = now().saturating_sub(DAY);
        let seen: Vec<(u64, u64)> = self.known().values().map(|client| client.seen()).collect();
        let legacy = seen.iter().filter(|(legacy, _)| *legacy >= recent).count();
        let migrated = seen.iter().filter(|(_, migrated)| *migrated >= recent).count();
        let help = "Clients seen within a day, by the API version that they asked for; one may ask for both";
        let mut family = encoder.encode_descriptor("clients", help, None, MetricType::Gauge)?;
        for (version, count) in [("legacy", legacy), ("upstream", migrated)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(family.encode_family(&[("version", version)])?)?;
        }
        let help = "Clients forgotten by usage to make place for others";
        let evicted = self.evicted.load(std::sync::atomic::Ordering::Relaxed);
        let family =
            encoder.encode_descriptor("clients_evicted", help, None, MetricType::Counter)?;
        ConstCounter::new(evicted).encode(family)
    }
}

impl Usage {
    fn encode_operations(&self, encoder: &mut DescriptorEncoder<'_>) -> Result {
        let all = || {
            self.operations.iter().zip(&self.legacy).map(|(name, counts)| (&name.id, counts.now()))
        };
        let called = || all().filter(|(_, counted)| counted.requests > 0);
        let help = "Legacy requests by operation of the contract";
        let mut family =
            encoder.encode_descriptor("legacy_requests", help, None, MetricType::Counter)?;
        for (id, counted) in called() {
            let labels = [("operation", id.as_str())];
            ConstCounter::new(counted.requests).encode(family.encode_family(&labels)?)?;
        }
        let help = "Calls to upstream that legacy requests took, by operation of the contract";
        let mut family =
            encoder.encode_descriptor("legacy_upstream_calls", help, None, MetricType::Counter)?;
        for (id, counted) in called() {
            let labels = [("operation", id.as_str())];
            ConstCounter::new(counted.upstream_calls).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn encode_sdks(&self, encoder: &mut DescriptorEncoder<'_>) -> Result {
        let help = "Requests by SDK and the API version that they asked for";
        let mut family =
            encoder.encode_descriptor("sdk_requests", help, None, MetricType::Counter)?;
        for (sdk, counts) in self.sdks.now() {
            for (version, count) in ["legacy", "upstream", "other"].into_iter().zip(counts) {
                let labels = [("sdk", sdk.as_str()), ("version", version)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
