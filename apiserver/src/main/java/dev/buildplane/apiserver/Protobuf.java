package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Reads the protobuf bodies that `kubectl create` and `kubectl auth` send for built-in kinds: the
/// Kubernetes envelope (`k8s\0`, then a `runtime.Unknown`) around a message whose fields are in the
/// table here. Answers are JSON, which those clients accept.
final class Protobuf {
  static final String MEDIA_TYPE = "application/vnd.kubernetes.protobuf";
  private static final byte[] MAGIC = {'k', '8', 's', 0};
  /// Nesting of messages; the table's own is less.
  private static final int MAX_DEPTH = 16;

  /// Message, then `number name type`; `[]` marks repeated fields, `map` maps from text. From the
  /// published `generated.proto` files of `k8s.io/api` and `k8s.io/apimachinery`.
  private static final String TABLE = """
      Unknown 1:typeMeta:TypeMeta 2:raw:bytes
      TypeMeta 1:apiVersion:text 2:kind:text
      ObjectMeta 1:name:text 2:generateName:text 3:namespace:text 5:uid:text 6:resourceVersion:text 7:generation:int 8:creationTimestamp:time 9:deletionTimestamp:time 10:deletionGracePeriodSeconds:int 11:labels:map 12:annotations:map 13:ownerReferences:OwnerReference[] 14:finalizers:text[]
      OwnerReference 1:kind:text 3:name:text 4:uid:text 5:apiVersion:text 6:controller:bool 7:blockOwnerDeletion:bool
      Namespace 1:metadata:ObjectMeta 2:spec:NamespaceSpec 3:status:NamespaceStatus
      NamespaceSpec 1:finalizers:text[]
      NamespaceStatus 1:phase:text
      Secret 1:metadata:ObjectMeta 2:data:bytemap 3:type:text 4:stringData:map 5:immutable:bool
      ConfigMap 1:metadata:ObjectMeta 2:data:map 3:binaryData:bytemap 4:immutable:bool
      ServiceAccount 1:metadata:ObjectMeta 2:secrets:ObjectReference[] 3:imagePullSecrets:LocalObjectReference[] 4:automountServiceAccountToken:bool
      ObjectReference 1:kind:text 2:namespace:text 3:name:text 4:uid:text 5:apiVersion:text 6:resourceVersion:text 7:fieldPath:text
      LocalObjectReference 1:name:text
      Role 1:metadata:ObjectMeta 2:rules:PolicyRule[]
      ClusterRole 1:metadata:ObjectMeta 2:rules:PolicyRule[]
      PolicyRule 1:verbs:text[] 2:apiGroups:text[] 3:resources:text[] 4:resourceNames:text[] 5:nonResourceURLs:text[]
      RoleBinding 1:metadata:ObjectMeta 2:subjects:Subject[] 3:roleRef:RoleRef
      ClusterRoleBinding 1:metadata:ObjectMeta 2:subjects:Subject[] 3:roleRef:RoleRef
      Subject 1:kind:text 2:apiGroup:text 3:name:text 4:namespace:text
      RoleRef 1:apiGroup:text 2:kind:text 3:name:text
      SelfSubjectAccessReview 1:metadata:ObjectMeta 2:spec:AccessSpec
      SubjectAccessReview 1:metadata:ObjectMeta 2:spec:AccessSpec
      LocalSubjectAccessReview 1:metadata:ObjectMeta 2:spec:AccessSpec
      AccessSpec 1:resourceAttributes:ResourceAttributes 2:nonResourceAttributes:NonResourceAttributes 3:user:text 4:groups:text[] 6:uid:text
      ResourceAttributes 1:namespace:text 2:verb:text 3:group:text 4:version:text 5:resource:text 6:subresource:text 7:name:text
      NonResourceAttributes 1:path:text 2:verb:text
      SelfSubjectRulesReview 1:metadata:ObjectMeta 2:spec:RulesSpec
      RulesSpec 1:namespace:text
      SelfSubjectReview 1:metadata:ObjectMeta
      TokenRequest 1:metadata:ObjectMeta 2:spec:TokenRequestSpec
      TokenRequestSpec 1:audiences:text[] 4:expirationSeconds:int
      DeleteOptions 1:gracePeriodSeconds:int 2:preconditions:Preconditions 3:orphanDependents:bool 4:propagationPolicy:text 5:dryRun:text[]
      Preconditions 1:uid:text 2:resourceVersion:text
      Time 1:seconds:int
      """;

  private static final Map<String, Map<Integer, Field>> MESSAGES = parse();

  /// One row's field.
  private record Field(String name, String type, boolean repeated) {}

  private Protobuf() {}

  private static Map<String, Map<Integer, Field>> parse() {
    var messages = new HashMap<String, Map<Integer, Field>>();
    TABLE.lines().forEach(line -> {
      var words = line.strip().split(" ");
      var fields = new HashMap<Integer, Field>();
      for (var word : Arrays.asList(words).subList(1, words.length)) {
        var parts = word.split(":");
        var repeated = parts[2].endsWith("[]");
        var type = repeated ? parts[2].substring(0, parts[2].length() - 2) : parts[2];
        fields.put(Integer.valueOf(parts[0]), new Field(parts[1], type, repeated));
      }
      messages.put(words[0], Map.copyOf(fields));
    });
    return Map.copyOf(messages);
  }

  /// The object in a body.
  ///
  /// @throws ApiProblem 400 for bytes that are no such message, 415 for kinds not in the table
  static JsonNode read(byte[] body) {
    if (body.length < MAGIC.length || !Arrays.equals(Arrays.copyOf(body, MAGIC.length), MAGIC)) {
      throw ApiProblem.badRequest("protobuf body: expected the prefix k8s\\0, found other bytes");
    }
    try {
      var envelope =
          message("Unknown", ByteBuffer.wrap(body, MAGIC.length, body.length - MAGIC.length), 0);
      var kind = Json.text(envelope, "typeMeta", "kind");
      if (!MESSAGES.containsKey(kind) || !envelope.path("typeMeta").has("apiVersion")) {
        throw ApiProblem.unsupportedMediaType(MEDIA_TYPE + " of kind " + kind, Bodies.ACCEPTED);
      }
      var raw = Base64.getDecoder().decode(Json.text(envelope, "raw"));
      var object = message(kind, ByteBuffer.wrap(raw), 0);
      return object
          .put("apiVersion", Json.text(envelope, "typeMeta", "apiVersion"))
          .put("kind", kind);
    } catch (BufferUnderflowException e) {
      throw ApiProblem.badRequest("protobuf body: expected whole fields, found a cut one");
    }
  }

  private static ObjectNode message(String type, ByteBuffer in, int depth) {
    if (depth > MAX_DEPTH) {
      throw ApiProblem.badRequest(
          "protobuf body: expected at most " + MAX_DEPTH + " nested messages");
    }
    var object = Json.object();
    var fields = MESSAGES.getOrDefault(type, Map.of());
    while (in.hasRemaining()) {
      var tag = varint(in);
      var field = fields.get((int) (tag >>> 3));
      switch ((int) (tag & 7)) {
        case 0 -> number(object, field, varint(in));
        case 1 -> slice(in, Long.BYTES);
        case 2 -> bytes(object, field, slice(in, varint(in)), depth);
        case 5 -> slice(in, Integer.BYTES);
        default ->
          throw ApiProblem.badRequest(
              "protobuf body: expected wire type 0, 1, 2 or 5, found " + (tag & 7));
      }
    }
    return object;
  }

  private static void number(ObjectNode object, @Nullable Field field, long value) {
    if (field != null && field.type().equals("bool")) {
      object.put(field.name(), value != 0);
    } else if (field != null) {
      object.put(field.name(), value);
    }
  }

  private static void bytes(ObjectNode object, @Nullable Field field, ByteBuffer value, int depth) {
    if (field == null) {
      return;
    }
    switch (field.type()) {
      case "map", "bytemap" ->
        entry(Json.child(object, field.name()), value, field.type().equals("bytemap"));
      case "bytes" -> object.put(field.name(), base64(value));
      case "time" -> {
        var seconds = message("Time", value, depth + 1).path("seconds");
        if (!seconds.isMissingNode()) {
          object.put(field.name(), Json.time(Instant.ofEpochSecond(seconds.asLong())));
        }
      }
      case "text" -> text(object, field, text(value));
      default -> {
        var nested = message(field.type(), value, depth + 1);
        if (field.repeated()) {
          object.withArray(field.name()).add(nested);
        } else {
          object.set(field.name(), nested);
        }
      }
    }
  }

  /// Go writes empty texts out where JSON leaves them away.
  private static void text(ObjectNode object, Field field, String value) {
    if (field.repeated()) {
      object.withArray(field.name()).add(value);
    } else if (!value.isEmpty()) {
      object.put(field.name(), value);
    }
  }

  private static void entry(ObjectNode map, ByteBuffer in, boolean binary) {
    var key = "";
    var value = "";
    while (in.hasRemaining()) {
      var tag = varint(in);
      var part = slice(in, varint(in));
      if (tag >>> 3 == 1) {
        key = text(part);
      } else {
        value = binary ? base64(part) : text(part);
      }
    }
    map.put(key, value);
  }

  private static long varint(ByteBuffer in) {
    var value = 0L;
    for (var shift = 0; shift < Long.SIZE; shift += 7) {
      var next = in.get();
      value |= (long) (next & 0x7F) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw ApiProblem.badRequest("protobuf body: expected a varint of at most 10 bytes");
  }

  private static ByteBuffer slice(ByteBuffer in, long length) {
    if (length < 0 || length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    var slice = in.slice(in.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
    in.position(in.position() + (int) length);
    return slice;
  }

  private static String text(ByteBuffer bytes) {
    return StandardCharsets.UTF_8.decode(bytes).toString();
  }

  private static String base64(ByteBuffer bytes) {
    var copy = new byte[bytes.remaining()];
    bytes.get(copy);
    return Base64.getEncoder().encodeToString(copy);
  }
}
