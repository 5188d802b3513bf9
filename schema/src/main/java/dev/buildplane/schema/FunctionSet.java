package dev.buildplane.schema;

import dev.cel.common.CelFunctionDecl;
import dev.cel.common.CelOverloadDecl;
import dev.cel.common.types.CelType;
import dev.cel.runtime.CelFunctionBinding;
import dev.cel.runtime.CelFunctionOverload;
import java.util.ArrayList;
import java.util.List;

/// Collects functions for a CEL environment, each declared and bound in one place.
final class FunctionSet {
  /// One way to call a function.
  record Overload(CelOverloadDecl declaration, CelFunctionBinding binding) {}

  private final List<CelFunctionDecl> declarations = new ArrayList<>();
  private final List<CelFunctionBinding> bindings = new ArrayList<>();

  /// A function no other library knows.
  FunctionSet add(String name, Overload... overloads) {
    declare(name, overloads);
    bindings.addAll(CelFunctionBinding.fromOverloads(
        name, List.of(overloads).stream().map(Overload::binding).toList()));
    return this;
  }

  /// More overloads of a function of another library; they are found for arguments of static type only.
  FunctionSet extend(String name, Overload... overloads) {
    declare(name, overloads);
    List.of(overloads).forEach(overload -> bindings.add(overload.binding()));
    return this;
  }

  private void declare(String name, Overload... overloads) {
    declarations.add(CelFunctionDecl.newFunctionDeclaration(
        name, List.of(overloads).stream().map(Overload::declaration).toList()));
  }

  List<CelFunctionDecl> declarations() {
    return declarations;
  }

  List<CelFunctionBinding> bindings() {
    return bindings;
  }

  static Overload global(String id, CelType result, CelFunctionOverload body) {
    return new Overload(
        CelOverloadDecl.newGlobalOverload(id, result),
        CelFunctionBinding.from(id, List.<Class<?>>of(), body));
  }

  static <A> Overload global(
      String id, CelType result, CelType type, Class<A> of, CelFunctionOverload.Unary<A> body) {
    return new Overload(
        CelOverloadDecl.newGlobalOverload(id, result, type), CelFunctionBinding.from(id, of, body));
  }

  static <A> Overload member(
      String id, CelType result, CelType type, Class<A> of, CelFunctionOverload.Unary<A> body) {
    return new Overload(
        CelOverloadDecl.newMemberOverload(id, result, type), CelFunctionBinding.from(id, of, body));
  }

  static <A, B> Overload member(
      String id,
      CelType result,
      CelType type,
      Class<A> of,
      CelType argument,
      Class<B> ofArgument,
      CelFunctionOverload.Binary<A, B> body) {
    return new Overload(
        CelOverloadDecl.newMemberOverload(id, result, type, argument),
        CelFunctionBinding.from(id, of, ofArgument, body));
  }

  static Overload member(
      String id, CelType result, List<CelType> types, List<Class<?>> of, CelFunctionOverload body) {
    return new Overload(
        CelOverloadDecl.newMemberOverload(id, result, types),
        CelFunctionBinding.from(id, of, body));
  }
}
