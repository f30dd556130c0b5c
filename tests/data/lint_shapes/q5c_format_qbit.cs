using System.Net.Http;
using System.Text;
using System.Threading.Tasks;

public class Qbit
{
    private readonly HttpClient http = new HttpClient();

    public async Task Login(string root, string user, string word)
    {
        var form = string.Format("username={0}&password={1}", user, word);
        var content = new StringContent(form, Encoding.UTF8, "application/x-www-form-urlencoded");
        var answer = await http.PostAsync(root + "/api/v2/auth/login", content);
        answer.EnsureSuccessStatusCode();
    }
}
