package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.TextNode;

/// One thing that is wrong with one field, worded as the Kubernetes API server words it.
///
/// @param path where, for example `spec.planeID` or `spec.list[2].name`; empty for the whole object
/// @param type what kind of error; decides the wording and the `reason` of a Kubernetes status cause
/// @param badValue the offending value; a [MissingNode] when there is none
/// @param detail what is expected; may be empty
public record FieldError(String path, Type type, JsonNode badValue, String detail) {
  /// The kinds of field error of Kubernetes, with the text kubectl users know and the machine-readable cause.
  public enum Type {
    /// The value breaks a rule.
    INVALID("Invalid value", "FieldValueInvalid", true),
    /// The value has the wrong JSON type.
    TYPE_INVALID("Invalid value", "FieldValueTypeInvalid", true),
    /// The value must be given and is not.
    REQUIRED("Required value", "FieldValueRequired", false),
    /// The value is not one of an enumeration.
    NOT_SUPPORTED("Unsupported value", "FieldValueNotSupported", true),
    /// The text is too long; its value is not repeated.
    TOO_LONG("Too long", "FieldValueTooLong", false),
    /// The list or map has too many entries.
    TOO_MANY("Too many", "FieldValueTooMany", true),
    /// The entry is in the list already.
    DUPLICATE("Duplicate value", "FieldValueDuplicate", true),
    /// The field may not be set.
    FORBIDDEN("Forbidden", "FieldValueForbidden", false);

    private final String text;
    private final String causeReason;
    private final boolean showsValue;

    Type(String text, String causeReason, boolean showsValue) {
      this.text = text;
      this.causeReason = causeReason;
      this.showsValue = showsValue;
    }

    /// The words of the message, for example `Invalid value`.
    public String text() {
      return text;
    }

    /// The `reason` of `status.details.causes[]`, for example `FieldValueInvalid`.
    public String causeReason() {
      return causeReason;
    }
  }

  static FieldError of(String path, Type type, JsonNode badValue, String detail) {
    return new FieldError(path, type, badValue, detail);
  }

  static FieldError required(String path) {
    return new FieldError(path, Type.REQUIRED, MissingNode.getInstance(), "");
  }

  static FieldError invalidText(String path, String badValue, String detail) {
    return new FieldError(path, Type.INVALID, TextNode.valueOf(badValue), detail);
  }

  /// The same error with `prefix` put before the path.
  public FieldError under(String prefix) {
    return new FieldError(Paths.join(prefix, path), type, badValue, detail);
  }

  /// Without the path: `Invalid value: "Upper": spec.planeID in body should match '^[a-z]+$'`.
  public String body() {
    var text = new StringBuilder(type.text());
    if (type.showsValue && !badValue.isMissingNode()) {
      text.append(": ").append(badValue);
    }
    return detail.isEmpty() ? text.toString() : text.append(": ").append(detail).toString();
  }

  /// With the path, as a Kubernetes status message lists it.
  @Override
  public String toString() {
    return path.isEmpty() ? body() : path + ": " + body();
  }
}
