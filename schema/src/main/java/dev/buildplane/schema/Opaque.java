package dev.buildplane.schema;

import dev.cel.common.types.OpaqueType;
import dev.cel.common.values.OpaqueValue;
import org.jspecify.annotations.Nullable;

/// A value of one of the Kubernetes types of CEL. Subclasses exist so that functions can be chosen by class.
@SuppressWarnings("Immutable") // T is one of the immutable types of the subclasses below
abstract sealed class Opaque<T> extends OpaqueValue {
  private final OpaqueType type;
  private final T inner;

  private Opaque(OpaqueType type, T inner) {
    this.type = type;
    this.inner = inner;
  }

  T inner() {
    return inner;
  }

  @Override
  public Object value() {
    return this;
  }

  @Override
  public OpaqueType celType() {
    return type;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Opaque<?> opaque
        && opaque.type.equals(type)
        && opaque.inner.equals(inner);
  }

  @Override
  public int hashCode() {
    return inner.hashCode();
  }

  @Override
  public String toString() {
    return inner.toString();
  }

  static final class OfQuantity extends Opaque<Quantity> {
    static final OpaqueType TYPE = OpaqueType.create("kubernetes.Quantity");

    OfQuantity(Quantity inner) {
      super(TYPE, inner);
    }
  }

  static final class OfUrl extends Opaque<WebAddress> {
    static final OpaqueType TYPE = OpaqueType.create("kubernetes.URL");

    OfUrl(WebAddress inner) {
      super(TYPE, inner);
    }
  }

  static final class OfIp extends Opaque<IpAddress> {
    static final OpaqueType TYPE = OpaqueType.create("net.IP");

    OfIp(IpAddress inner) {
      super(TYPE, inner);
    }
  }

  static final class OfCidr extends Opaque<IpNetwork> {
    static final OpaqueType TYPE = OpaqueType.create("net.CIDR");

    OfCidr(IpNetwork inner) {
      super(TYPE, inner);
    }
  }

  static final class OfFormat extends Opaque<NamedFormat> {
    static final OpaqueType TYPE = OpaqueType.create("kubernetes.NamedFormat");

    OfFormat(NamedFormat inner) {
      super(TYPE, inner);
    }
  }

  static final class OfSemver extends Opaque<Semver> {
    static final OpaqueType TYPE = OpaqueType.create("kubernetes.Semver");

    OfSemver(Semver inner) {
      super(TYPE, inner);
    }
  }
}
