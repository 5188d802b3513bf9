package dev.buildplane.plan;

/// A Kubernetes Event to record on the resource at hand.
///
/// @param reason one CamelCase word
public record Announcement(Type type, String reason, String message) {
  /// Severity as Kubernetes knows it.
  public enum Type {
    NORMAL("Normal"),
    WARNING("Warning");

    private final String text;

    Type(String text) {
      this.text = text;
    }

    /// As it is written in an Event.
    public String text() {
      return text;
    }
  }

  static Announcement normal(String reason, String message) {
    return new Announcement(Type.NORMAL, reason, message);
  }

  static Announcement warning(String reason, String message) {
    return new Announcement(Type.WARNING, reason, message);
  }
}
