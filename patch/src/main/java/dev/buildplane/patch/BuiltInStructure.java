package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The merge structure of Kubernetes' own kinds, from a table of what their published API reference says of list and map types.
///
/// Fields that are not in the table are structs, scalars or atomic lists.
///
/// @param type the type name that table rows are keyed by, `*` for any
/// @param row how this place merges
record BuiltInStructure(String type, Row row) implements MergeStructure {
  /// One row a field: type, field, how it merges, type of the field or of its items. `*` is any type; the exact type wins.
  private static final String TABLE = """
      *           metadata                   struct                                       ObjectMeta
      *           spec                       struct                                       Spec
      *           template                   struct                                       Template
      *           labels                     free
      *           annotations                free
      *           data                       free
      *           binaryData                 free
      *           stringData                 free
      *           limits                     free
      *           requests                   free
      *           capacity                   free
      *           allocatable                free
      *           hard                       free
      *           used                       free
      *           parameters                 free
      *           matchLabels                free
      *           nodeSelector               atomic
      *           selector                   atomic
      *           labelSelector              atomic
      *           namespaceSelector          atomic
      *           objectSelector             atomic
      *           secretKeyRef               atomic
      *           configMapKeyRef            atomic
      *           fieldRef                   atomic
      *           resourceFieldRef           atomic
      *           secretRef                  atomic
      *           claimRef                   struct
      *           roleRef                    atomic
      *           scaleTargetRef             atomic
      *           conditions                 map:type                     merge:type
      *           containers                 map:name                     merge:name      Container
      *           initContainers             map:name                     merge:name      Container
      *           ephemeralContainers        map:name                     merge:name      Container
      *           volumes                    map:name                     merge:name
      *           imagePullSecrets           map:name                     merge:name
      *           hostAliases                map:ip                       merge:ip
      *           topologySpreadConstraints  map:topologyKey,whenUnsatisfiable merge:topologyKey
      *           resourceClaims             map:name                     merge:name
      *           schedulingGates            map:name                     merge:name
      *           podIPs                     map:ip                       merge:ip
      *           hostIPs                    list                         merge:ip
      *           taints                     list                         merge:key
      *           webhooks                   map:name                     merge:name
      *           validations                list
      *           claims                     map:name
      ObjectMeta  ownerReferences            map:uid                      merge:uid       OwnerReference
      ObjectMeta  finalizers                 set                          merge
      Container   env                        map:name                     merge:name
      Container   ports                      map:containerPort,protocol   merge:containerPort Port
      Container   volumeMounts               map:mountPath                merge:mountPath
      Container   volumeDevices              map:devicePath               merge:devicePath
      Service     spec                       struct                                       ServiceSpec
      ServiceSpec ports                      map:port,protocol            merge:port      Port
      ServiceSpec selector                   atomic
      ServiceSpec externalIPs                list
      ServiceAccount secrets                 map:name                     merge:name
      Node        spec                       struct                                       NodeSpec
      NodeSpec    podCIDRs                   set                          merge
      Node        status                     struct                                       NodeStatus
      NodeStatus  addresses                  map:type                     merge:type
      """;

  private static final Map<String, Row> ROWS = parse();
  private static final Row STRUCT = new Row("struct", List.of(), false, null, "*");

  /// `how` is struct, free, atomic (maps) or list, set, map (lists).
  private record Row(
      String how,
      List<String> keys,
      boolean merges,
      @Nullable String mergeKey,
      String type) {}

  private static Map<String, Row> parse() {
    var rows = new HashMap<String, Row>();
    TABLE.lines().forEach(line -> {
      var words = line.strip().split("\\s+");
      var how = words[2].split(":", 2);
      var keys = how.length > 1 ? List.of(how[1].split(",")) : List.<String>of();
      var merge =
          Arrays.stream(words).skip(3).filter(word -> word.startsWith("merge")).findFirst();
      var type = Arrays.stream(words)
          .skip(3)
          .filter(word -> !word.startsWith("merge"))
          .findFirst()
          .orElse("*");
      var mergeKey = merge
          .map(word -> word.contains(":") ? word.substring(6) : "")
          .filter(key -> !key.isEmpty());
      rows.put(
          words[0] + "." + words[1],
          new Row(how[0], keys, merge.isPresent(), mergeKey.orElse(null), type));
    });
    return Map.copyOf(rows);
  }

  static MergeStructure of(String apiVersion, String kind) {
    // Only the core group's Service, Node and ServiceAccount have rows of their own; a namesake elsewhere is any kind.
    var own =
        "v1".equals(apiVersion) && Set.of("Service", "Node", "ServiceAccount").contains(kind);
    return new BuiltInStructure(own ? kind : "*", STRUCT);
  }

  static MergeStructure objectMeta() {
    return new BuiltInStructure("ObjectMeta", STRUCT);
  }

  static boolean isTypeMeta(String name) {
    return Set.of("apiVersion", "kind", "metadata").contains(name);
  }

  @Override
  public boolean declares(String name) {
    return !"free".equals(row.how);
  }

  @Override
  public MergeStructure field(String name) {
    if ("free".equals(row.how)) {
      return FreeStructure.INSTANCE;
    }
    var found = ROWS.get(type + "." + name);
    if (found == null) {
      found = ROWS.getOrDefault("*." + name, STRUCT);
    }
    return new BuiltInStructure(found.type, found);
  }

  @Override
  public MergeStructure item() {
    return new BuiltInStructure(row.type, STRUCT);
  }

  @Override
  public boolean atomicMap() {
    return "atomic".equals(row.how) || ("OwnerReference".equals(type) && "struct".equals(row.how));
  }

  @Override
  public ListType listType() {
    return switch (row.how) {
      case "map" -> ListType.MAP;
      case "set" -> ListType.SET;
      default -> ListType.ATOMIC;
    };
  }

  @Override
  public List<String> listKeys() {
    return row.keys;
  }

  @Override
  public Optional<JsonNode> defaultOf(String name) {
    return "Port".equals(type) && "protocol".equals(name)
        ? Optional.of(JsonNodeFactory.instance.textNode("TCP"))
        : Optional.empty();
  }

  @Override
  public boolean patchMerges() {
    return row.merges;
  }

  @Override
  public Optional<String> patchMergeKey() {
    return Optional.ofNullable(row.mergeKey);
  }
}
