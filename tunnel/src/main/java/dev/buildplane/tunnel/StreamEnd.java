package dev.buildplane.tunnel;

/// The end of one direction of an upgraded stream: written, it ends ours; fired as a user event, the peer
/// has ended his.
public enum StreamEnd {
  INSTANCE
}
