//! Events by Kafka: a real one, from its jars.

mod wire;
