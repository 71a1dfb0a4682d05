//! The HTTP edge of Athena Budget: command line, configuration, routes, and the assembly of the services.

pub mod api;
pub mod cli;
pub mod config;
pub mod http;
pub mod listen;
pub mod problem;
pub mod telemetry;
