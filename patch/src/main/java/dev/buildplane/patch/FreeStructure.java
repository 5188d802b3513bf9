package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;

/// Nothing known: granular maps, atomic lists.
enum FreeStructure implements MergeStructure {
  INSTANCE;

  @Override
  public boolean declares(String name) {
    return false;
  }

  @Override
  public MergeStructure field(String name) {
    return this;
  }

  @Override
  public MergeStructure item() {
    return this;
  }

  @Override
  public boolean atomicMap() {
    return false;
  }

  @Override
  public ListType listType() {
    return ListType.ATOMIC;
  }

  @Override
  public List<String> listKeys() {
    return List.of();
  }

  @Override
  public Optional<JsonNode> defaultOf(String name) {
    return Optional.empty();
  }

  @Override
  public boolean patchMerges() {
    return false;
  }

  @Override
  public Optional<String> patchMergeKey() {
    return Optional.empty();
  }
}
