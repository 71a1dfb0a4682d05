//! Notifications: from events through the queue to a channel, and back.

mod desk;
mod devices;
mod fcm;
mod letters;
mod purge;
mod queue;
mod smtp;
mod stories;
mod twilio;
