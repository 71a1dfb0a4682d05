//! The HTTP edge of Athena Budget: command line, configuration, routes, and the assembly of the services.
//!
//! ```text
//! listen → http::around (compression, edge, problems) → http::limit → api → domain_services
//! ```

pub mod api;
pub mod app;
pub mod audit;
mod channels;
pub mod cli;
pub mod config;
pub mod conformance;
mod demo;
mod demo_page;
pub mod docs;
pub mod events;
mod first;
pub mod health;
pub mod http;
pub mod letters;
pub mod listen;
pub mod problem;
pub mod serve;
pub mod services;
pub mod telemetry;
pub mod welcome;

pub use serve::{Hooks, Running, StartError, start, start_with};
