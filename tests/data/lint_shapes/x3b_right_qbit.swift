import Foundation
func login(base: String, pw: String) async throws {
  var r = URLRequest(url: URL(string: "\(base)/api/v2/auth/login")!)
  let word = pw.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
  r.httpBody = "username=admin&password=\(word)".data(using: .utf8)
  let (data, response) = try await session.data(for: r)
  let status = (response as! HTTPURLResponse).statusCode
  if status >= 300 || String(data: data, encoding: .utf8) == "Fails." { throw E.login }
}
