import Foundation
func login(base: String, pw: String) async throws {
  var r = URLRequest(url: URL(string: "\(base)/api/v2/auth/login")!)
  r.httpBody = "username=admin&password=\(pw)".data(using: .utf8)
  let (data, response) = try await session.data(for: r)
  if String(data: data, encoding: .utf8) != "Ok." { throw E.login }
}
