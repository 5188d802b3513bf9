package greeter;

/// Tests without a framework, so that building the sample needs nothing but a JDK. Exits non-zero when one fails.
public final class GreeterTest {
  private GreeterTest() {}

  public static void main(String[] arguments) {
    greetsByName();
    stripsBlanks();
    refusesBlankNames();
    System.out.println("3 tests passed");
  }

  private static void greetsByName() {
    expect("Hello, Ada!", Greeter.greet("Ada"));
  }

  private static void stripsBlanks() {
    expect("Hello, Ada!", Greeter.greet(" Ada "));
  }

  private static void refusesBlankNames() {
    try {
      Greeter.greet(" ");
    } catch (IllegalArgumentException expected) {
      return;
    }
    throw new AssertionError("a blank name was greeted");
  }

  private static void expect(String expected, String found) {
    if (!expected.equals(found)) {
      throw new AssertionError("expected '" + expected + "', found '" + found + "'");
    }
  }
}
